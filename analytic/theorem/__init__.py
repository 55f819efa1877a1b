"""The general theorem, with symbolic sizes: proved, told, and made concrete for one geometry."""

from analytic.theorem.instance import Instance, instantiate
from analytic.theorem.proof import theorem

__all__ = ["Instance", "instantiate", "theorem"]
