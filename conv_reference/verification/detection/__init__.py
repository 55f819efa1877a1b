"""What the checks find of what was planted: measured, not claimed."""
