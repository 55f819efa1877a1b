"""Convolutions of other frameworks: what an adapter gives, lifted into torch's modes."""
