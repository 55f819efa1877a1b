"""Numbers for those who compute: a derivation's results, and numpy's arrays of them."""

from analytic.calculus.numeric import Evaluation, dense

__all__ = ["Evaluation", "dense"]
