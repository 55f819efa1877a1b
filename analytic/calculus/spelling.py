"""The text form of a geometry, in which findings name it: n1 c1 h2 w3 o1 k1x2 s1 p0 d1 g1."""

from __future__ import annotations

import re

from analytic.calculus.axis import Pair
from analytic.calculus.geometry import Geometry, GeometryError

_MOST_DIGITS = 12  # Python refuses to read some thousands; no convolution has that many
EXAMPLE = "n1 c1 h2 w3 o1 k1x2 s1 p0 d1 g1"
_TOKEN = re.compile(r"(?P<key>[nchwokspdg])(?P<value>\d+(:\d+)?(x\d+(:\d+)?)?)", re.ASCII)


def geometry_text(geometry: Geometry) -> str:
    """The text form; whether there is a bias is no part of it.

    Example:
        >>> geometry_text(Geometry((2, 3), (1, 2), padding=(1, (0, 2))))
        'n1 c1 h2 w3 o1 k1x2 s1 p1x0:2 d1 g1'
    """
    kernel_height, kernel_width = geometry.kernel
    height, width = geometry.input
    rows, columns = (_both(sides, ":") for sides in geometry.padding)
    return " ".join(
        (
            f"n{geometry.batch} c{geometry.in_channels}",
            f"h{height} w{width} o{geometry.out_channels}",
            f"k{kernel_height}x{kernel_width} s{_both(geometry.stride, 'x')}",
            f"p{rows if rows == columns else f'{rows}x{columns}'}",
            f"d{_both(geometry.dilation, 'x')} g{geometry.groups}",
        )
    )


def parse_geometry(text: str, *, bias: bool = False) -> Geometry:
    """Read the text form; the order is free, and only h, w and k must be there.

    A pair is ``2x1``, or ``2`` for ``2x2``; padding that differs between two opposite sides is
    ``1:2`` (top:bottom, left:right).

    Args:
        text: What was written.
        bias: Whether one number is added to each output channel.

    Raises:
        GeometryError: It is no geometry; the message says which part.

    Example:
        >>> parse_geometry("h5 w5 k3 p1:0x2").padding
        ((1, 0), (2, 2))
    """
    values = _values(text)
    return Geometry(
        (_number(values["h"], text), _number(values["w"], text)),
        _pair(values["k"], "x", text),
        stride=_pair(values.get("s", "1"), "x", text),
        padding=parse_padding(values.get("p", "0"), text),
        dilation=_pair(values.get("d", "1"), "x", text),
        batch=_number(values.get("n", "1"), text),
        in_channels=_number(values.get("c", "1"), text),
        out_channels=_number(values.get("o", "1"), text),
        groups=_number(values.get("g", "1"), text),
        bias=bias,
    )


def parse_padding(value: str, text: str) -> tuple[Pair, Pair]:
    """Read padding as it is spelt in a geometry: 1, 1x2, 1:0x2 or 1:0x0:2.

    Args:
        value: What was written.
        text: The whole of it, for the message.
    """
    rows, columns = _split(value, "x", text)
    return _pair(rows, ":", text), _pair(columns, ":", text)


def _values(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for token in text.split():
        match = _TOKEN.fullmatch(token)
        if match is None or (":" in token and token[0] != "p"):
            raise GeometryError(
                f"not a part of a geometry: {token!r}; accepted is a form like {EXAMPLE!r}"
            )
        if match["key"] in values:
            raise GeometryError(f"{match['key']!r} occurs twice in the geometry {text!r}")
        values[match["key"]] = match["value"]
    missing = [key for key in "hwk" if key not in values]
    if missing:
        raise GeometryError(
            f"the geometry {text!r} lacks {', '.join(missing)}; accepted is a form like {EXAMPLE!r}"
        )
    return values


def _pair(value: str, separator: str, text: str) -> Pair:
    first, second = _split(value, separator, text)
    return _number(first, text), _number(second, text)


def _split(value: str, separator: str, text: str) -> tuple[str, str]:
    parts = value.split(separator)
    if len(parts) > 2:
        raise GeometryError(f"not a pair: {value!r} in the geometry {text!r}")
    return parts[0], parts[-1]


def _number(value: str, text: str) -> int:
    if not (value.isascii() and value.isdecimal()):
        raise GeometryError(f"not a single size: {value!r} in the geometry {text!r}")
    if len(value) > _MOST_DIGITS:
        raise GeometryError(
            f"a size must have at most {_MOST_DIGITS} digits, got one of {len(value)}: "
            f"{value[:_MOST_DIGITS]}..."
        )
    return int(value)


def _both(pair: Pair, separator: str) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}{separator}{pair[1]}"
