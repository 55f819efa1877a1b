"""Certificates answered once more, by a process that judges nothing, and judged from raw bytes."""
