"""What a target can do wrong before it is judged; a module of its own, for it needs no torch."""

from __future__ import annotations


class TargetError(ValueError):
    """The target cannot be found, imported or called; the message is one line."""


class RelativeError(TargetError):
    """That it is a relative of a convolution, which no other way of calling it makes one."""
