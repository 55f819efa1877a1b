"""Planted faults, by theme."""
