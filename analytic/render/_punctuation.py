"""A mark after a formula stays on the formula's line, between which browsers would break."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"(<math\b.*?</math>)(</span>)?([,.;:!?)]+)?", re.DOTALL)


def kept_together(page: str, *, right_to_left: bool = False) -> str:
    """The page, each formula and the mark behind it in an element of class "whole".

    From right to left a mark behind a sum that may break stays outside of it, where it belongs.

    Example:
        >>> kept_together("<p>of <math><mi>Y</mi></math>, a</p>")
        '<p>of <span class="whole"><math><mi>Y</mi></math>,</span> a</p>'
    """

    def kept(found: re.Match[str]) -> str:
        formula, end, mark = found.groups("")
        if not mark or (end and right_to_left):
            return found[0]
        return f'<span class="whole">{formula}{mark}</span>{end}'

    return _FORMULA.sub(kept, page)
