"""The recipes, carried out by someone who has nothing but their words."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from sympy import Symbol

from analytic import Geometry, GeometryError, Values, derive
from analytic.calculus.numeric import dense
from analytic.telling import recipe
from analytic.telling.message import Message

X, K, G = map(Symbol, "XKG")


def small() -> list[Geometry]:
    sizes = (range(1, 6), range(1, 4), range(1, 4), range(3), range(3), range(1, 3))
    found = []
    for number, (h, k, s, before, after, d) in enumerate(product(*sizes)):
        try:
            found.append(
                Geometry(
                    (h, 4),
                    (k, 2),
                    stride=(s, 1),
                    padding=((before, after), (1, 0)),
                    dilation=(d, 1),
                )
            )
        except GeometryError:
            assert number >= 0
    return found[::5]


def spread(array: Any, rows: int, columns: int) -> Any:
    height, width = array.shape
    result = np.zeros((rows * (height - 1) + 1, columns * (width - 1) + 1), int)
    result[::rows, ::columns] = array
    return result


def zeros(value: Any) -> int:
    return int(dict(value.values)["number"])


def correlate(plane: Any, kernel: Any, step: tuple[int, int] = (1, 1)) -> Any:
    return (
        torch.nn.functional.conv2d(
            torch.tensor(plane)[None, None].double(),
            torch.tensor(kernel.copy())[None, None].double(),
            stride=step,
        )[0, 0]
        .long()
        .numpy()
    )


def crop_or_pad(array: Any, top: int, bottom: int, left: int, right: int) -> Any:
    padded = np.pad(array, [(max(n, 0), max(m, 0)) for n, m in ((top, bottom), (left, right))])
    rows, columns = padded.shape
    return padded[max(-top, 0) : rows - max(-bottom, 0), max(-left, 0) : columns - max(-right, 0)]


def numbers(text: str) -> tuple[int, int]:
    rows, _times, columns = text.partition("×")
    return int(rows), int(columns or rows)


def follow_input(items: list[Message], g: Any, k: Any) -> Any:
    slid = False
    for item in items:
        values = dict(item.values)
        text = item.msgid
        if text.startswith("Spread {G} by the stride"):
            g = spread(g, zeros(values["rows"]) + 1, zeros(values["columns"]) + 1)
        elif text.startswith("Spread {K} by the dilation"):
            k = spread(k, zeros(values["rows"]) + 1, zeros(values["columns"]) + 1)
        elif text.startswith("Pad {G}"):
            g = crop_or_pad(g, *(values[side] for side in ("top", "bottom", "left", "right")))
        elif text.startswith("Flip {K} in both directions and slide it over, in steps of one"):
            g, slid = correlate(g, k[::-1, ::-1]), True
        else:  # remarks
            assert text.startswith(
                ("A negative number crops", "The pixels that the stride leaves over")
            )
    assert slid
    return g


def follow_kernel(items: list[Message], geometry: Geometry, x: Any, g: Any) -> Any:
    step, kept = (1, 1), None
    for item in items:
        values = dict(item.values)
        text = item.msgid
        if text.startswith("Pad {X} as in the forward pass"):
            x = crop_or_pad(x, *geometry.sides)
        elif text.startswith("Spread {G} by the stride"):
            g = spread(g, zeros(values["rows"]) + 1, zeros(values["columns"]) + 1)
        elif text.startswith("Slide it over {X} in steps of the dilation"):
            step = numbers(values["size"])
        elif text.startswith("Of the {stops} stops keep the first {kernel}"):
            kept = numbers(values["kernel"])
            assert correlate(x, g, step).shape == numbers(values["stops"])
        else:
            assert text.startswith("Slide it over {X} in steps of one")
    stops = correlate(x, g, step)
    return stops if kept is None else stops[: kept[0], : kept[1]]


@pytest.mark.parametrize("of", ["input", "kernel"])
def test_the_recipe_leads_to_the_gradient(of: str) -> None:
    geometries = small()
    assert len(geometries) > 100
    remarks = set()
    for geometry in geometries:
        derivation = derive(geometry)
        evaluated = derivation.evaluate(Values.of(geometry))
        x, k, g = (
            dense({index[2:]: n for index, n in values.items()}, dtype=int)
            for values in (
                Values.of(geometry).X,
                Values.of(geometry).K,
                Values.of(geometry).G,
            )
        )
        if of == "input":
            items = recipe.input_construction(geometry, G, K)
            found, right = follow_input(items, g, k), evaluated.gradient_input
        else:
            items = recipe.kernel_construction(geometry, X, G)
            found, right = follow_kernel(items, geometry, x, g), evaluated.gradient_kernel
        remarks |= {item.msgid[:10] for item in items}
        expected = dense(
            {index[2:]: n for index, n in right.items()}, geometry_shape(geometry, of), int
        )
        assert found.tolist() == expected.tolist(), geometry
    assert len(remarks) == {"input": 6, "kernel": 4}[of]


def geometry_shape(geometry: Geometry, of: str) -> tuple[int, int]:
    return geometry.input if of == "input" else geometry.kernel


def test_nothing_is_said_where_there_is_nothing_to_do() -> None:
    assert recipe.kernel_construction(Geometry((2, 3), (1, 2)), X, G) == []
