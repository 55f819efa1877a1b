"""A report held against a baseline."""
