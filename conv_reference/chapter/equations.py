"""Displayed formulas, in pieces between which a narrow page may break them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from latex2mathml.converter import convert
from markupsafe import Markup

# Where a line may end: before a relation, a sum's sign or a space between factors, in no bracket.
_BREAK = re.compile(r" (?=(?:=|\+|-|<|\\iff|\\longmapsto|\\;) )")
_OPENING = re.compile(r"\\left\b|\\begin\b|\{")
_CLOSING = re.compile(r"\\right\b|\\end\b|\}")


def pieces(latex: str) -> list[str]:
    r"""A formula taken apart where a line may end.

    >>> pieces(r"Y_{00} = K_{00} X_{00} + \left(a + b\right) = -1")
    ['Y_{00}', '= K_{00} X_{00}', '+ \\left(a + b\\right)', '= -1']
    """
    found: list[str] = []
    for part in _BREAK.split(latex):
        if found and _is_open(found[-1]):
            found[-1] += f" {part}"
        elif part.strip():
            found.append(part.strip())
    return found


def displayed(latex: str) -> Markup:
    """One formula on a line of its own, or on several where the page is narrow."""
    return _wrapped("formula", Markup("<wbr>").join(map(_math, pieces(latex))))


def aligned(lines: Iterable[str]) -> Markup:
    """Equations below one another, their first signs in line."""
    rows = []
    for line in lines:
        head, *tail = pieces(line)
        rows.append(
            Markup("<div>{}</div><div>{}</div>").format(
                _math(head), Markup("<wbr>").join(map(_math, tail))
            )
        )
    return _wrapped("equations", Markup("").join(rows))


def _wrapped(name: str, content: Markup) -> Markup:
    return Markup('<div class="{}" dir="ltr" tabindex="0">{}</div>').format(name, content)


def _is_open(part: str) -> bool:
    return len(_OPENING.findall(part)) > len(_CLOSING.findall(part))


def _math(piece: str) -> Markup:
    return Markup(_set(" ".join(_signed(piece))))


def _signed(piece: str) -> Iterator[str]:
    """A sign at the beginning stands between two sides; one after a relation is a number's own."""
    sign, _, rest = piece.partition(" ")
    if sign not in {"=", "+", "-", "<", r"\iff", r"\longmapsto"}:
        yield piece
        return
    yield f"{{}} {sign}"
    yield f"{{{rest}}}" if rest.startswith("-") else rest


def _set(latex: str) -> str:
    written = convert(latex, display="block").replace('display="block"', 'displaystyle="true"', 1)
    return written.replace("<math ", '<math dir="ltr" ', 1)
