"""Where pieces of work run; it knows nothing of convolution."""
