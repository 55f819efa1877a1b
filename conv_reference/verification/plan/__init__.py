"""From target and request to the cases of a run."""
