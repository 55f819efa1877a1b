"""What users write, read before torch is imported: sizes, conventions, names, patterns, sources."""
