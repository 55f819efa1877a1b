"""Reference convolution layers, and the verification of everybody else's."""
