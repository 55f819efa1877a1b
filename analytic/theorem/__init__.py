"""The general theorem, with symbolic sizes: proved, written out, and put into one geometry."""

from analytic.theorem.instance import Instance, instantiate
from analytic.theorem.proof import theorem

__all__ = ["Instance", "instantiate", "theorem"]
