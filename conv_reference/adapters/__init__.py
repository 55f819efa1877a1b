"""Adapters for other frameworks, each a small module that imports that framework alone.

``conv-reference verify conv_reference.adapters.jax:Jax --python PATH`` judges JAX's convolution
in the environment that PATH is the interpreter of.
"""
