"""Reports: one module for each format, each with ``render(report) -> str``."""
