"""Sizes at the thresholds that a target's own code has, alone and in pairs.

See ``target/constants.py``. Each constant, one less and one more become levels of each size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import cycle, islice, product
from math import isqrt
from random import Random
from types import MappingProxyType

from conv_reference.geometry import Geometry
from conv_reference.verification.plan.far import Drawn, is_affordable, tiny

Sized = Callable[[Drawn, int], None]


def _of(**fields: int) -> Sized:
    """A size that some fields have: of each the axes that are set, 0 for rows and 1 for columns."""

    def sized(drawn: Drawn, size: int) -> None:
        for name, axes in fields.items():
            if axes < 0:
                setattr(drawn, name, size)
            else:
                values = [*getattr(drawn, name)]
                for axis in (0, 1) if axes == _BOTH else (axes,):
                    values[axis] = size
                setattr(drawn, name, values)

    return sized


_BOTH, _ONE = 2, -1


def _outputs(axes: int) -> Sized:
    def sized(drawn: Drawn, size: int) -> None:
        _of(outputs=axes)(drawn, size - 1)

    return sized


def _channels(name: str) -> Sized:
    """Of all groups together, as far as the groups divide them."""

    def sized(drawn: Drawn, size: int) -> None:
        drawn.groups = 2 if size % 2 == 0 else 1
        setattr(drawn, name, size // drawn.groups)

    return sized


def _plane(drawn: Drawn, size: int) -> None:
    """At least as many outputs in a plane, and hardly more."""
    rows = max(1, isqrt(size))
    drawn.outputs = [rows - 1, -(-size // rows) - 1]


_SIZES: Mapping[str, Sized] = MappingProxyType(
    {
        "n": _of(batch=_ONE),
        "c/g": _of(group_in=_ONE),
        "o/g": _of(group_out=_ONE),
        "c": _channels("group_in"),
        "o": _channels("group_out"),
        "g": _of(groups=_ONE),
        **{
            f"{name[0]}{letter}": _of(**{name: axes})
            for name in ("kernel", "stride", "padding", "dilation")
            for letter, axes in (("h", 0), ("w", 1), ("", _BOTH))
        },
        **{f"o{letter}": _outputs(axes) for letter, axes in (("h", 0), ("w", 1), ("hw", _BOTH))},
        "oh·ow": _plane,
        "kernel = stride": _of(kernel=_BOTH, stride=_BOTH),
    }
)
_INPUT = ("h", "w")  # which follow from all the others, and are set last
# Of which several are drawn at once.
_TOGETHER = ("n", "c/g", "o/g", "g", "k", "s", "p", "d", "oh·ow", "h", "w")
_USUAL = ("n", "c/g", "o/g", "c", "o", "k", "h", "w")  # what most thresholds are of
_CHANNELS = ("c/g", "o/g", "c", "o")
_MOST_AT_ONCE = 5
_LEAST = 5  # what is less is a level of every size anyway
_ROUNDS = 4_000  # that are drawn at most: large constants are sizes of little that is affordable
_Choice = tuple[str, int]  # a size, and what it is to be


def at_thresholds(constants: Sequence[int], random: Random, count: int) -> Iterator[Geometry]:
    """Geometries with sizes at a constant, one below or one above: each alone, and several at once.

    Args:
        constants: of the target; none where it has none.
        random: a stream.
        count: of geometries, at most.
    """
    far = [constant for constant in constants if constant >= _LEAST]
    found = (
        geometry
        for place, chosen in enumerate(_choices(far, random) if far else ())
        if (geometry := _drawn(chosen, random, dilated=place % _DILATED == 1)) is not None
    )
    yield from islice(found, count)


def _choices(constants: Sequence[int], random: Random) -> Iterator[list[_Choice]]:
    """Each exact size alone, twice; then in turn several at once, and what lies beside.

    Half of the several are channels and a plane, strided or not: what most code asks of a layer
    before it takes another path.
    What is drawn beside an exact size is another one each time.
    """
    sizes = (*_SIZES, *_INPUT)
    exactly = list(product(sizes, constants))
    beside = list(product(sizes, (c + more for c in constants for more in (1, -1))))
    random.shuffle(exactly)
    random.shuffle(beside)
    exactly.sort(key=lambda choice: choice[0] not in _USUAL)  # for runs of few cases
    for choice in exactly:
        yield from ([choice], [choice])
    for _, choice in zip(range(_ROUNDS), cycle(beside), strict=False):
        yield [choice]
        names = random.sample(_TOGETHER, random.randint(2, _MOST_AT_ONCE))
        yield [(name, _likely(name, constants, random)) for name in names]
        for stride in ([], [("s", 2)]):
            channels = random.choice(_CHANNELS), random.choice(constants) + random.choice((0, 0, 1))
            yield [*stride, channels, ("oh·ow", _likely("oh·ow", constants, random))]


def _likely(name: str, constants: Sequence[int], random: Random) -> int:
    """A constant, or one beside it: of a plane the larger of two, else the smaller."""
    two = random.choice(constants), random.choice(constants)
    return (max(two) if name == "oh·ow" else min(two)) + random.choice((0, 0, 0, 1, -1))


def _drawn(chosen: list[_Choice], random: Random, *, dilated: bool) -> Geometry | None:
    """A tiny geometry with these sizes; without the last of them, as long as it costs too much."""
    plain = tiny(random)
    if random.random() < _STRIDED:
        plain.stride = [2, 2]
    if dilated:
        plain.dilation = [2, 2]
    while chosen:
        geometry = _sized(deepcopy(plain), chosen)
        if geometry is not None and is_affordable(geometry) and _is_quick(geometry):
            return geometry
        chosen = chosen[:-1]
    return None


_STRIDED, _DILATED = 0.4, 3  # the share of those with a stride; of how many one is dilated
# Under a large stride each row of an input takes oneDNN some 4 µs in dX for each column of it
# (brgconv_strided of torch 2.13): four minutes for 4,095 rows below a stride of 4,097.
_USUAL_STRIDE = 32
_MOST_ROWS_BY_STRIDE = 200_000
_MOST_STRIDE = 16_384  # along a row: beyond, torch's dX dies of one channel (docs/found/0045)


def _is_quick(g: Geometry) -> bool:
    columns = g.stride[1]
    rows = g.batch * g.input_size[0]
    if columns > _MOST_STRIDE:
        return False
    return columns <= _USUAL_STRIDE or rows * columns <= _MOST_ROWS_BY_STRIDE


def _sized(drawn: Drawn, chosen: Sequence[_Choice]) -> Geometry | None:
    sizes = dict(chosen)
    for name, size in chosen:
        if name not in _INPUT:
            _SIZES[name](drawn, size)
    try:
        height, width = drawn.geometry.input_size
        input_size = (sizes.get("h", height), sizes.get("w", width))
        return replace(drawn.geometry, input_size=input_size)
    except ValueError:  # smaller than its kernel
        return None
