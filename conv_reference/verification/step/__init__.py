"""A training step certified where it runs: each convolution that torch dispatches."""
