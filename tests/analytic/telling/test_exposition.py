"""The document as it is printed: every formula in it, evaluated, against autograd.

Rows and columns never mix, so every axis is enumerated alone, and pairs of axes are sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from gettext import NullTranslations
from itertools import product
from math import floor, prod
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Symbol
from torch import Tensor
from torch.nn.functional import conv2d, pad

from analytic import Derivation, Geometry, Names, derive
from analytic.calculus.axis import Axis
from analytic.calculus.notation import Expr, Index, Partial
from analytic.calculus.notation import Tensor as Named
from analytic.calculus.numeric import evaluate_jacobian
from analytic.render import renderer
from analytic.telling import formulas as general
from analytic.telling.document import (
    CaseTable,
    Check,
    Document,
    Formula,
    Formulas,
    Grids,
    Matrix,
    Paragraph,
)
from analytic.telling.message import Message


def all_axes() -> Iterator[Axis]:
    """Sides up to 6, kernels up to 4, strides up to 3, padding and dilation up to 2."""
    sizes = (range(1, 7), range(1, 5), range(1, 4), range(3), range(3), range(1, 3))
    for axis in (Axis(*size) for size in product(*sizes)):
        if axis.reach <= axis.padded:
            yield axis


AXES = list(all_axes())
POINT = Axis(1, 1)


def geometry_of(rows: Axis, columns: Axis, **channels: Any) -> Geometry:
    return Geometry(
        (rows.input, columns.input),
        (rows.kernel, columns.kernel),
        stride=(rows.stride, columns.stride),
        padding=((rows.before, rows.after), (columns.before, columns.after)),
        dilation=(rows.dilation, columns.dilation),
        **channels,
    )


def by_autograd(d: Derivation, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Y, and the gradients under the names that the document gives them."""
    leaves = {letter: t.clone().requires_grad_() for letter, t in tensors.items() if letter != "G"}
    top, bottom, left, right = d.geometry.sides
    Y = conv2d(
        pad(leaves["X"], (left, right, top, bottom)),
        leaves["K"],
        leaves.get("b"),
        stride=d.geometry.stride,
        dilation=d.geometry.dilation,
        groups=d.geometry.groups,
    )
    gradients = torch.autograd.grad(Y, list(leaves.values()), tensors["G"])
    return {"Y": Y.detach(), **dict(zip(leaves, gradients, strict=True))}


OPERATIONS: dict[str, Callable[[Iterator[Any]], Any]] = {
    "Add": sum,
    "Mul": prod,
    "Mod": lambda parts: next(parts) % next(parts),
    "floor": lambda parts: floor(next(parts)),
}


class Reader:
    """Reads formulas as a person would: an element outside its grid, or between, is zero."""

    def __init__(self, derivation: Derivation, tensors: Mapping[str, Tensor]) -> None:
        d = derivation
        self.tensors: dict[str, Named] = {"X": d.X, "K": d.K, "Y": d.Y, "G": d.G}
        if d.b is not None:
            self.tensors["b"] = d.b
        self.symbols: dict[Symbol, int] = {}
        self.elements: dict[str, dict[Index, int]] = {}
        for letter, values in tensors.items():
            named = self.tensors[letter]
            numbers = values.long().flatten().tolist()
            self.symbols.update(zip(named.symbols.values(), numbers, strict=True))
            indices = (self.written(named, index) for index in named)
            self.elements[letter] = dict(zip(indices, numbers, strict=True))
        self.slopes: dict[tuple[str, str, Index, Index], int] = {}
        for letter, jacobian in (
            ("X", d.jacobian_input),
            ("K", d.jacobian_kernel),
            ("b", d.jacobian_bias),
        ):
            if jacobian is not None:
                for (row, column), slope in evaluate_jacobian(
                    jacobian, self.symbols
                ).entries.items():
                    place = self.written(d.Y, row), self.written(self.tensors[letter], column)
                    self.slopes["Y", letter, *place] = slope

    @staticmethod
    def written(named: Named, index: Index) -> Index:
        return tuple(i for i, shown in zip(index, named.written, strict=True) if shown)

    def value(self, e: Expr, letters: Mapping[Symbol, int]) -> Any:
        match e.func.__name__:
            case "Symbol":
                return letters[e] if e in letters else self.symbols[e]
            case "Indexed":
                return self.elements[e.base.label.name].get(self.index(e, letters), 0)
            case "Partial":
                place = (arg.base.label.name for arg in e.args)
                return self.slopes.get((*place, *(self.index(a, letters) for a in e.args)), 0)
            case "Sum":
                return sum(
                    self.value(e.function, {**letters, **counted})
                    for counted in self.counted(e.limits, letters)
                )
            case "Add" | "Mul" | "Mod" | "floor" as kind:
                parts = (self.value(part, letters) for part in e.args)
                return OPERATIONS[kind](parts)
        assert e.is_Rational, e
        return int(e) if e.is_Integer else Fraction(e.p, e.q)

    def index(self, e: Expr, letters: Mapping[Symbol, int]) -> tuple[Any, ...]:
        return tuple(self.value(part, letters) for part in e.indices)

    def counted(self, limits: Any, letters: Mapping[Symbol, int]) -> Iterator[dict[Symbol, int]]:
        counters = [limit[0] for limit in limits]
        ranges = (
            range(int(self.value(low, letters)), int(self.value(high, letters)) + 1)
            for _counter, low, high in limits
        )
        for numbers in product(*ranges):
            yield dict(zip(counters, numbers, strict=True))

    def meant(self, head: Expr) -> Iterator[tuple[str, Index, dict[Symbol, int]]]:
        """What a formula is about: the letter, and each index with what its letters stand for."""
        if isinstance(head, Partial):
            if str(head.args[0]) != "C":
                return
            head = head.args[1]
        if head.func.__name__ == "Indexed":
            letter = head.base.label.name
            named = self.tensors[letter]
            for index in named:
                shown = self.written(named, index)
                pairs = list(zip(head.indices, shown, strict=True))
                if all(part.is_Symbol or part == number for part, number in pairs):
                    yield letter, index, {part: n for part, n in pairs if part.is_Symbol}
            return
        for letter, named in self.tensors.items():
            if head in named.indices and letter != "G":
                yield letter, named.indices[head], {}


def formulas(document: Document) -> Iterator[Formula]:
    for step in document.steps:
        for block in step.blocks:
            if isinstance(block, Formulas):
                yield from block.formulas


def random_tensors(d: Derivation, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    named = {"X": d.X, "K": d.K, "b": d.b, "G": d.G}
    return {
        letter: torch.randint(-99, 100, tensor.shape, generator=generator).double()
        for letter, tensor in named.items()
        if tensor is not None
    }


def assert_the_printed_formulas_are_right(d: Derivation, seed: int) -> None:
    tensors = random_tensors(d, seed)
    expected = by_autograd(d, tensors)
    reader = Reader(d, tensors)
    general: set[tuple[str, Index]] = set()
    single: set[tuple[str, Index]] = set()
    for formula in formulas(d.document):
        for letter, index, letters in reader.meant(formula.sides[0]):
            right = int(expected[letter][index])
            for side in formula.sides[1:]:
                assert reader.value(side, letters) == right, (d, str(formula.sides), letters)
            (general if letters or "Sum" in str(formula.sides[-1].func) else single).add(
                (letter, index)
            )
    elements = {(letter, index) for letter in expected for index in reader.tensors[letter]}
    skipped = {("X", index) for index in d.X if not d.jacobian_input.columns[index]}
    # Every element has a formula of its own, except the pixels that the printout says are 0.
    assert elements - single == skipped
    assert all(expected["X"][index] == 0 for _letter, index in skipped)
    assert elements - general <= {("b", index) for index in d.b or ()}


@pytest.mark.slow
def test_on_every_axis_the_printed_formulas_are_right() -> None:
    for number, axis in enumerate(AXES):
        # As rows and as columns in turn.
        pair = (axis, POINT) if number % 2 else (POINT, axis)
        assert_the_printed_formulas_are_right(derive(geometry_of(*pair)), seed=number)
    assert len(AXES) == 1077


@st.composite
def planes(draw: st.DrawFn) -> Geometry:
    groups, inputs, outputs, batch = (draw(st.sampled_from([1, 1, 2])) for _ in range(4))
    return geometry_of(
        draw(st.sampled_from(AXES)),
        draw(st.sampled_from(AXES)),
        batch=batch,
        in_channels=groups * inputs,
        out_channels=groups * outputs,
        groups=groups,
        bias=draw(st.booleans()),
    )


@settings(max_examples=25)
@given(planes(), st.integers(0, 2**31))
def test_on_planes_and_channels_the_printed_formulas_are_right(
    geometry: Geometry, seed: int
) -> None:
    assert_the_printed_formulas_are_right(derive(geometry), seed)


@settings(max_examples=25)
@given(planes())
def test_the_index_that_is_put_in_is_the_one_at_which_a_pixel_is_read(geometry: Geometry) -> None:
    d = derive(geometry)
    reader = Reader(d, random_tensors(d, 0))
    u, v, i, j = (formula.sides for formula in general.substitution(geometry))
    a, b = general.a, general.b
    for axis, (pixel, right), (output, left), tap in (
        (geometry.rows, u, i, a),
        (geometry.columns, v, j, b),
    ):
        for place in range(axis.output):
            for k in range(axis.kernel):
                read = axis.pixel(place, k)
                assert reader.value(right, {output: place, tap: k}) == read
                assert reader.value(left, {pixel: read, tap: k}) == place


@settings(max_examples=25)
@given(planes())
def test_the_derivative_that_is_put_in_is_an_entry_of_the_jacobian(geometry: Geometry) -> None:
    d = derive(geometry)
    reader = Reader(d, random_tensors(d, 0))
    derivative, pixel = general.kernel_derivative(geometry, d.X, d.K, d.Y).sides
    (output, tap) = derivative.args
    for (row, column), entry in d.jacobian_kernel.entries.items():
        letters = {
            **dict(zip(output.indices, reader.written(d.Y, row), strict=True)),
            **dict(zip(tap.indices, reader.written(d.K, column), strict=True)),
        }
        assert reader.value(pixel, letters) == reader.value(entry, {}), (row, column)


@settings(max_examples=25)
@given(planes())
def test_each_case_is_told_by_one_pixel_of_it(geometry: Geometry) -> None:
    d = derive(geometry)
    told = [
        dict(block.text.values)
        for step in d.document.steps
        for block in step.blocks
        if isinstance(block, Paragraph) and "is seen" in block.text.msgid
    ]
    seen = [case for case in d.cases if case.count]
    assert len(told) == len(seen)
    for values, case in zip(told, seen, strict=True):
        index = d.X.indices[values["pixel"]]
        assert index[2:] in case.pixels
        column = {d.Y[row]: tap for row, tap in d.jacobian_input.columns[index].items()}
        pairs = [dict(message.values) for message in leaves(values)]
        assert all(column[pair["output"]] == pair["tap"] for pair in pairs)
        if "formula" in values:
            assert len(pairs) == len(column)
            assert values["formula"].sides[1] == d.gradient_input.elements[index]
        else:
            assert values["number"] == len(column) > 4
            assert values["derivative"] == values["derivative"].func(general.cost, values["pixel"])


def leaves(values: Mapping[str, Any]) -> Iterator[Message]:
    """The messages within a message that say one thing each."""
    for value in values.values():
        if isinstance(value, Message):
            if value.msgid.startswith("by "):
                yield value
            else:
                yield from leaves(dict(value.values))


def test_the_chapters_pixel_is_told_as_a_person_would() -> None:
    text = renderer("text")(derive(Geometry((2, 3), (1, 2))).document, NullTranslations())
    assert (
        "    X₀₁ is seen by Y₀₀ through K₀₁ and by Y₀₁ through K₀₀, so\n"
        "    ∂C/∂X₀₁ = G₀₀·K₀₁ + G₀₁·K₀₀.\n"
    ) in text
    assert "where u = i + a and v = j + b; that is,\n    where i = u − a and j = v − b." in text


@settings(max_examples=10)
@given(planes())
def test_all_indices_may_be_written(geometry: Geometry) -> None:
    derivation = derive(geometry, names=Names(all_indices=True))
    assert_the_printed_formulas_are_right(derivation, seed=0)


def test_the_steps_go_from_the_definition_to_double_backward() -> None:
    titles = [step.title.msgid for step in derive(Geometry(2, 1, bias=True)).steps]
    assert titles == [
        "The definition",
        "The derivatives of {Y} with respect to {K}",
        "The derivatives of {Y} with respect to {X}",
        "How often each pixel takes part",
        "The gradient of the cost with respect to {K}",
        "The gradient of the cost with respect to {X}",
        "The gradient of the cost with respect to {b}",
        "The second order: what double backward needs",
    ]


def test_the_matrices_cases_grids_and_checks_are_those_of_the_derivation() -> None:
    d = derive(Geometry((2, 3), (1, 2), padding=(0, 1), bias=True))
    blocks = [block for step in d.steps for block in step.blocks]
    jacobians = [block.jacobian for block in blocks if isinstance(block, Matrix)]
    assert jacobians == [d.jacobian_kernel, d.jacobian_input, d.jacobian_bias]
    (table,) = (block for block in blocks if isinstance(block, CaseTable))
    assert [len(pixels) for _name, pixels in table.cases] == [len(case.pixels) for case in d.cases]
    assert [[int(cell) for cell in row] for row in table.counts.cells] == [[2, 2, 2], [2, 2, 2]]
    checks = [block.holds for block in blocks if isinstance(block, Check)]
    assert checks == [True] * 6
    quantities = [g.quantity for b in blocks if isinstance(b, Grids) for g in b.grids]
    assert [q for q in quantities if q] == ["X", "K", "Y", "G"]


@pytest.mark.parametrize(
    ("geometry", "facts"),
    [
        (Geometry((2, 3), (1, 2)), ["output {size}"]),
        (
            Geometry(4, 2, stride=2, padding=1, dilation=2, batch=2, bias=True),
            [
                "stride {size}",
                "padding {size}",
                "dilation {size}",
                "{number} sample",
                "with bias",
                "output {size}",
            ],
        ),
        (
            Geometry(4, 2, padding=(0, 1, 0, 0), in_channels=2, out_channels=2, groups=2),
            [
                "padding {top} at the top, {bottom} at the bottom, {left} on the left, {right} on "
                "the right",
                "{number} input channel",
                "{number} output channel",
                "{number} group",
                "output {size}",
            ],
        ),
    ],
    ids=["chapter", "everything", "grouped"],
)
def test_the_facts_are_the_sizes_that_are_not_the_plainest(
    geometry: Geometry, facts: list[str]
) -> None:
    assert [fact.msgid for fact in derive(geometry).document.facts] == facts
