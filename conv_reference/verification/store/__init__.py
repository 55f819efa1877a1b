"""Results that outlive their run: an interrupted one is resumed, and the next goes on from it."""
