"""Whether the words of a finding name the guard of the fault that it shows."""

from __future__ import annotations

import re

# What a guard is about: by the words that guards have for it, and by those that findings have.
_TERMS: tuple[tuple[str, str], ...] = (
    (r"group|depthwise", r"\bg\b|[co]/g|group|depthwise"),
    (r"\bstride_?[hw]?\b|strides that|remainder|left over", r"\bs[hw]\b|stride|remainder"),
    (r"dilation", r"\bd[hw]\b|dilat"),
    (r"padding", r"\bp[hw]\b|padding"),
    (r"\bN\b|samples?\b|batch", r"\bn\b|sample|batch"),
    (r"kernel|\bk[hw]\b|\btaps?\b|\d×\d", r"\bk[hw]\b|kernel|\btaps?\b"),
    (r"\b[CO]\b|channel(?!s_last)", r"\b[co]\b|[co]/g|channel(?!s_last)"),
    (r"\b[HW]\b|rows?\b|columns?\b|pixels|image|outputs?\b|positions",
     r"\bo?[hw]\b|\brows?\b|columns?\b|pixel|output"),
    (r"contiguous|offset|expanded|channels_last|sliced|chunk|exchanged \(",
     r"contiguous|offset|expanded|channels_last|slic|transposed|chunk|\b[XKG]="),
    (r"(?<!b)float16", r"(?<!b)float16"),
    (r"bfloat16", r"bfloat16"),
    (r"float32", r"float32"),
    (r"float64", r"float64"),
    (r"\bbias\b", r"bias"),
)  # fmt: skip


def named(condition: str, words: str) -> str:
    """Yes where the words have each term of the condition, partly where they have one, else no.

    >>> named("groups > 1 and stride > 1", "All 321 have g > 1, sh·sw > 1")
    'yes'

    A guard may have no term that words could name, a state of the process: then a dash. Words are
    compared, not data, for words are what is measured: those that a user reads.
    """
    said = [bool(re.search(theirs, words)) for ours, theirs in _TERMS if re.search(ours, condition)]
    if not said:
        return "-"
    return "yes" if all(said) else "partly" if any(said) else "no"
