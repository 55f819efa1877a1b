"""What a target can do wrong before it is judged; a module of its own, for it needs no torch."""

from __future__ import annotations


class TargetError(ValueError):
    """The target cannot be found, imported or called; the message is one line."""


class NotAsked(NotImplementedError):  # noqa: N818 (it is no error of anybody's)
    """What lies between the tool and a target cannot ask it: no refusal of the target's."""


class RelativeError(TargetError):
    """That it is a relative of a convolution, which no other way of calling it makes one."""
