"""The conformance table: several frameworks side by side, from the reports of their runs."""
