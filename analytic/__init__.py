"""The derivation of convolution's gradients, in symbols; sympy only."""
