"""What a terminal, a log or a pipe is shown, and the files that reports are written to."""
