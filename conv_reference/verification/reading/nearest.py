"""What is meant by a name that is none: the nearest of those that are accepted."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_ALIKE = 0.6, 0.54  # of the letters, in their order; as fp32 is like float32, with none nearer
_MOST = 3


def meant(name: str, accepted: Iterable[str]) -> str:
    """A question to end a refusal with; empty where nothing is like the name.

    >>> meant("vmpa", ["forward", "vmap"])
    '; did you mean vmap?'
    >>> meant("bf16", ["float32", "float16", "bfloat16"])
    '; did you mean bfloat16?'
    >>> meant("colour", ["forward", "vmap"])
    ''
    """
    near = nearest(name, accepted)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def nearest(name: str, accepted: Iterable[str], *, most: int = _MOST) -> list[str]:
    """The names that are like it, the likest first: misspelt, or cut short as bf16 is.

    Args:
        name: which is none of them.
        accepted: which are.
        most: how many are named.
    """
    names = sorted(accepted)
    for least in _ALIKE:
        if near := get_close_matches(name, names, n=most, cutoff=least):
            return near
    return [each for each in names if _is_short_for(name, each)][:most]


def _is_short_for(name: str, whole: str) -> bool:
    """Whether it has the first letter and some of the others, in their order."""
    letters = iter(whole.lower())
    return name[:1].lower() == whole[:1].lower() and all(each in letters for each in name.lower())
