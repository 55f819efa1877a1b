"""Planted faults, a module for each class of FAULTS.md; ``mutants`` has them in one table."""
