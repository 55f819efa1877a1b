"""What travels between the stages of a run, as plain data."""
