from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from analytic.calculus.axis import Axis


def axes() -> Iterator[Axis]:
    """Every axis whose kernel fits; padding differs between the two ends."""
    sizes = (range(1, 7), range(1, 5), range(1, 4), range(3), range(3), range(1, 3))
    for axis in (Axis(*size) for size in product(*sizes)):
        if axis.reach <= axis.padded:
            yield axis


def seen(axis: Axis) -> set[tuple[int, int, int]]:
    """(output, tap, pixel) by laying the kernel down, stop by stop, without solving anything."""
    padded = [None] * axis.before + list(range(axis.input)) + [None] * axis.after
    found = set()
    output, start = 0, 0
    while start + axis.reach <= len(padded):
        for tap in range(axis.kernel):
            pixel = padded[start + tap * axis.dilation]
            if pixel is not None:
                found.add((output, tap, pixel))
        output, start = output + 1, start + axis.stride
    assert output == axis.output
    return found


def test_solved_indices_are_those_found_by_laying_the_kernel_down() -> None:
    number = 0
    for axis in axes():
        number += 1
        expected = seen(axis)
        assert {
            (i, a, axis.pixel(i, a)) for i in range(axis.output) for a in axis.taps(i)
        } == expected
        assert {
            (i, a, axis.pixel(i, a)) for a in range(axis.kernel) for i in axis.outputs(a)
        } == expected
        assert {(i, a, u) for u in range(axis.input) for i, a in axis.participation(u)} == expected
    assert number == 1077


def test_participation_is_by_rising_output() -> None:
    for axis in axes():
        for pixel in range(axis.input):
            outputs = [output for output, _tap in axis.participation(pixel)]
            assert outputs == sorted(set(outputs))


@pytest.mark.parametrize(
    ("axis", "output", "remainder"),
    [
        (Axis(3, 2), 2, 0),
        (Axis(5, 2, stride=2), 2, 1),
        (Axis(5, 2, stride=2, after=1), 3, 0),
        (Axis(4, 2, dilation=3), 1, 0),
        (Axis(1, 3, before=1, after=1), 1, 0),
    ],
    ids=str,
)
def test_output_and_remainder(axis: Axis, output: int, remainder: int) -> None:
    assert (axis.output, axis.remainder) == (output, remainder)
