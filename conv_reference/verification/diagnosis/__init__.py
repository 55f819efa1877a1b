"""From failures to findings: tallied, reduced, explained."""
