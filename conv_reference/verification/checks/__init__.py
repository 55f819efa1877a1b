"""What is asked of an implementation: one module for each family of checks."""
