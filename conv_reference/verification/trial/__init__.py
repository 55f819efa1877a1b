"""One question put to one target, and judged against the oracle."""
