"""From what is asked to the report: the target's place, its limits, the run, its judged cases."""
