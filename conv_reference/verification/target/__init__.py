"""From a name or a callable to a target: how it is called, and what can be asked of it."""
