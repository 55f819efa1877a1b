"""The signs of a written formula: names, numbers, and what stands between them.

Spellings of one thing become one: X₀₁, X01, X_01 and X_{0,1} are X[0,1]; ∂ is d, · is *.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MOST_SIGNS = 20_000
_MOST_DIGITS = 12
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_PLAIN = str.maketrans(
    {
        "∂": "d",
        "−": "-",
        "–": "-",
        "·": "*",
        "×": "*",
        "⋅": "*",
        "…": "..",
        "∑": "Σ",
        "\N{NO-BREAK SPACE}": " ",
    }
)
_SIGN = re.compile(
    r"\s*(?:(?P<name>[^\W\d_]+)(?:_?(?P<digits>[0-9]+))?|(?P<number>[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<mark>\.\.\.?|[-+*/=,;()\[\]⌊⌋]))"
)


class AnswerError(ValueError):
    """A formula that cannot be read, or compared with nothing; the message is one line."""


@dataclass(frozen=True)
class Sign:
    """One sign of a formula."""

    kind: str  # "name", "number", "mark" or "end"
    text: str
    place: int  # in the formula as it was scanned


def scan(formula: str) -> list[Sign]:
    """Take a formula apart; the last sign is its end.

    Raises:
        AnswerError: It holds a sign that no formula has, or is too long.

    Example:
        >>> [sign.text for sign in scan("∂X₀₁ = 2·G")]
        ['dX', '[', '0', ',', '1', ']', '=', '2', '*', 'G', '']
    """
    if len(formula) > _MOST_SIGNS:
        raise AnswerError(f"a formula has at most {_MOST_SIGNS} signs, got {len(formula)}")
    text = re.sub(r"[₀-₉]+", lambda found: "[" + ",".join(found[0]) + "]", formula)
    text = text.translate(_SUBSCRIPTS).translate(_PLAIN).replace("_{", "[").replace("}", "]")
    signs: list[Sign] = []
    place = 0
    while text[place:].strip():
        match = _SIGN.match(text, place)
        if match is None:
            rest = text[place:].strip()
            raise AnswerError(f"cannot read {rest[0]!r} in {shortened(formula)!r}")
        signs += _signs(match)
        place = match.end()
    return [*signs, Sign("end", "", place)]


def _signs(match: re.Match[str]) -> list[Sign]:
    kind, place = str(match.lastgroup), match.start(match.lastgroup or 0)
    if kind == "digits":  # X01, where each index has one digit
        inner = [Sign("number", digit, place) for digit in match["digits"]]
        commas = [Sign("mark", ",", place)] * len(inner)
        listed = [sign for pair in zip(inner, commas, strict=True) for sign in pair][:-1]
        return [
            Sign("name", match["name"], match.start("name")),
            Sign("mark", "[", place),
            *listed,
            Sign("mark", "]", place),
        ]
    text = match[kind]
    if kind == "number" and len(text) > _MOST_DIGITS:
        raise AnswerError(f"a number has at most {_MOST_DIGITS} digits, got {shortened(text)}")
    return [Sign(kind, ".." if text == "..." else text, place)]


def shortened(text: str, most: int = 60) -> str:
    """A text as it is shown within a message: one line, of some length at most."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
