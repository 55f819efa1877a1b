"""Right convolutions of many kinds: none may raise an alarm."""
