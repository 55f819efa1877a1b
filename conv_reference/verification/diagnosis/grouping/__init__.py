"""Which failures are one fault: kinds that have one cause, and what follows from another."""
