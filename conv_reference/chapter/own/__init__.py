"""Check your own: the layer that a reader of the chapter wrote, held against the definition."""
