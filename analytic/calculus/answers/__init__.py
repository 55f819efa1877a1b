"""A formula that somebody wrote, read without being executed, and held against the derivation."""
