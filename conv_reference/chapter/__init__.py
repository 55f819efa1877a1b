"""The chapter's experiment: a kernel that learns to be an edge detector."""
