"""A number as text that says all of it."""

from __future__ import annotations

_MOST = 10**21  # of an integer that is written out


def digits(number: float) -> str:
    """An integer in all of its digits; of another the shortest text that reads as the same.

    Args:
        number: any float, NaN and infinity included.

    >>> digits(59571300.0), digits(0.1), digits(-0.0), digits(1e300)
    ('59571300', '0.1', '-0', '1e+300')
    """
    value = float(number)
    return f"{value:.0f}" if value.is_integer() and abs(value) < _MOST else repr(value)
