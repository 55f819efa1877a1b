"""JSON: the whole derivation, so that another program can take it up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from gettext import NullTranslations
from typing import Any

import pytest
from sympy import expand, parse_expr, sympify
from syrupy.assertion import SnapshotAssertion

from analytic.locale import translations
from analytic.render.json import render
from analytic.telling.document import Document

Golden = Callable[[str], SnapshotAssertion]
Samples = Mapping[str, Any]


READ: dict[int, Any] = {}  # by the document, which the conftest keeps


def read(document: Document) -> Any:
    """What is read of it, written once for all tests."""
    if id(document) not in READ:
        READ[id(document)] = json.loads(render(document, NullTranslations()))
    return READ[id(document)]


def test_printout(samples: Samples, golden: Golden) -> None:
    assert render(samples["chapter"].document(), NullTranslations()) == golden("json")


def test_printouts_are_json(document: Document) -> None:
    written = read(document)

    assert written["schema"] == 1
    assert [step["title"] for step in written["steps"]]
    assert all(block["kind"] for step in written["steps"] for block in step["blocks"])


def test_nothing_is_left_out(samples: Samples) -> None:
    document = samples["large"].document()
    blocks = [block for step in read(document)["steps"] for block in step["blocks"]]
    by_kernel, by_input = (block for block in blocks if block["kind"] == "matrix")

    assert len(by_kernel["entries"]) == len(document.derivation.jacobian_kernel.entries)
    assert len(by_input["entries"]) == 26 * 26 * 9
    assert "cdots" not in json.dumps(blocks)


@pytest.mark.parametrize("name", ["stride and dilation", "channels and groups and batch and bias"])
def test_formulas_can_be_read_back(samples: Samples, name: str) -> None:
    """The text of an element, read as a polynomial in its symbols, is the element."""
    document = samples[name].document()
    derivation = document.derivation
    elements = {
        str(symbol): expression
        for tensor, gradient in (
            (derivation.X, derivation.gradient_input),
            (derivation.K, derivation.gradient_kernel),
        )
        for symbol, expression in (
            (tensor[index].name, gradient.elements[index]) for index in tensor
        )
    }
    names = {
        symbol.name: symbol
        for tensor in (derivation.X, derivation.K, derivation.G)
        for _index, symbol in tensor.items()
    }
    checked = 0
    for step in read(document)["steps"]:
        for block in step["blocks"]:
            for formula in block.get("formulas", ()):
                head, *sides = (side["latex"] for side in formula["sides"])
                by = head.removeprefix(r"\frac{\partial C}{\partial ").removesuffix("}")
                if by in elements:
                    assert expand(_polynomial(sides[-1], names) - elements[by]) == 0
                    checked += 1
    # Of pixels that never take part it is said in words that theirs is 0.
    assert checked == sum(element != 0 for element in elements.values())


def _polynomial(latex: str, names: Mapping[str, Any]) -> Any:
    """Read a sum of products of symbols."""
    plain = latex.replace(r"\, ", "*")
    places = {name: f"s{number}" for number, name in enumerate(sorted(names))}
    for name in sorted(names, key=len, reverse=True):
        plain = plain.replace(name, places[name])
    return sympify(parse_expr(plain, {places[name]: names[name] for name in names}))


def test_language_is_given(samples: Samples) -> None:
    written = json.loads(render(samples["chapter"].document(), translations("he")))

    assert written["language"] == "he"
    assert written["geometry"]["kernel"] == [1, 2]
    assert written["holds"] is True
