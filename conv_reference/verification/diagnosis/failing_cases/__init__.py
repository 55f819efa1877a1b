"""The cases that fail: made small, what they have in common, and between which sizes they are."""
