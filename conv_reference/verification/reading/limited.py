"""Every geometry up to some limits, each once, from small to large: counted, and cut into parts.

A geometry is a place on each axis (size, kernel, stride, padding, dilation) and the rest (batch,
channels, groups). Its steps from the very smallest are those of its three parts added up, so all
geometries of so many steps are found without holding, or sorting, more than the parts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import product

from conv_reference.geometry import Geometry

MOST = 1_000  # of a limit
_PART = 200  # geometries that are judged together, about
_LEAST = {"p": 0}  # of padding; of all others 1
_TERM = re.compile(r"(\w+)<=(\d+)")


@dataclass(frozen=True)
class Limits:
    """The greatest that each size may be; what is not given is 1, and padding 0."""

    h: int = 1
    w: int = 1
    k: int = 1
    s: int = 1
    p: int = 0
    d: int = 1
    c: int = 1
    o: int = 1
    n: int = 1
    g: int = 1

    @classmethod
    def parse(cls, text: str) -> Limits:
        """Of "h<=5 w<=5 k<=3 s<=3 p<=3 d<=2 c<=3 o<=3 n<=2 g<=3".

        Raises:
            ValueError: when a term is no limit, or its letter no size's; says which.
        """
        names = [field.name for field in fields(cls)]
        found: dict[str, int] = {}
        for word in text.replace(" <= ", "<=").replace("≤", "<=").split():
            term = _TERM.fullmatch(word)
            if term is None or term[1] not in names or term[1] in found:
                letters = ", ".join(names)
                raise ValueError(
                    f"limit must be terms like h<=5, each once, of {letters}, got {word!r}"
                )
            least = _LEAST.get(term[1], 1)
            if not least <= int(term[2]) <= MOST:
                raise ValueError(f"limit of {term[1]} must be {least}..{MOST}, got {term[2]}")
            found[term[1]] = int(term[2])
        if not found:
            raise ValueError("limit must be terms like h<=5, got none")
        return cls(**found)

    def __str__(self) -> str:
        return " ".join(f"{field.name}<={getattr(self, field.name)}" for field in fields(self))


Axis = tuple[int, int, int, int, int]  # size, kernel, stride, padding, dilation
Rest = tuple[int, int, int, int]  # batch, groups, input and output channels


@dataclass(frozen=True)
class Part:
    """Geometries of so many steps: those of some heights, with all that goes with them."""

    limits: str
    steps: int
    first: int  # of the rest and the heights together, as ``_outer`` lists them
    stop: int

    def __str__(self) -> str:
        return f"{self.limits}; {self.steps} steps, {self.first}..{self.stop}"


def count(limits: Limits) -> int:
    """How many geometries there are."""
    return sum(_numbers(limits).values())


def parts(limits: Limits) -> Iterator[tuple[Part, int]]:
    """All geometries in parts, from few steps to many, with how many each has."""
    outer, widths = _outer(limits), _by_steps(limits.w, limits)
    for steps in sorted(_numbers(limits)):
        first = held = 0
        for place, (own, _, _) in enumerate(outer):
            held += len(widths.get(steps - own, ()))
            if held >= _PART:
                yield Part(str(limits), steps, first, place + 1), held
                first, held = place + 1, 0
        if held:
            yield Part(str(limits), steps, first, len(outer)), held


def geometries(part: Part) -> Iterator[Geometry]:
    """Those of a part."""
    limits = Limits.parse(part.limits)
    widths = _by_steps(limits.w, limits)
    for own, (batch, groups, c, o), height in _outer(limits)[part.first : part.stop]:
        h, kh, sh, ph, dh = height
        for w, kw, sw, pw, dw in widths.get(part.steps - own, ()):
            yield Geometry(
                batch=batch,
                in_channels=c,
                out_channels=o,
                groups=groups,
                input_size=(h, w),
                kernel_size=(kh, kw),
                stride=(sh, sw),
                padding=((ph, ph), (pw, pw)),
                dilation=(dh, dw),
            )


def _numbers(limits: Limits) -> Counter[int]:
    """How many geometries have so many steps."""
    outer = Counter(steps for steps, _, _ in _outer(limits))
    widths = {steps: len(axes) for steps, axes in _by_steps(limits.w, limits).items()}
    found: Counter[int] = Counter()
    for (one, many), (other, more) in product(outer.items(), widths.items()):
        found[one + other] += many * more
    return found


@lru_cache(maxsize=4)
def _outer(limits: Limits) -> list[tuple[int, Rest, Axis]]:
    """The rest with each height, and the steps of both; from few to many."""
    heights = _by_steps(limits.h, limits)
    found = [
        (sum(rest) - 4 + steps, rest, axis)
        for rest in _rests(limits)
        for steps, axes in heights.items()
        for axis in axes
    ]
    return sorted(found)


def _rests(limits: Limits) -> Iterator[Rest]:
    sizes = (range(1, most + 1) for most in (limits.n, limits.g, limits.c, limits.o))
    for batch, groups, c, o in product(*sizes):
        if c % groups == 0 and o % groups == 0:
            yield batch, groups, c, o


@lru_cache(maxsize=8)
def _by_steps(size: int, limits: Limits) -> dict[int, list[Axis]]:
    """What an axis can be, by its steps; the kernel fits into the padded input."""
    found: dict[int, list[Axis]] = {}
    ranges = (size, limits.k, limits.s, limits.d)
    for h, k, s, d in product(*(range(1, most + 1) for most in ranges)):
        for p in range(limits.p + 1):
            if d * (k - 1) + 1 <= h + 2 * p:
                found.setdefault(h + k + s + d - 4 + p, []).append((h, k, s, p, d))
    return found
