"""A Jupyter notebook: the derivation as text, then as code that runs and checks itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from gettext import NullTranslations
from typing import Any

from analytic.calculus.generation import generate
from analytic.calculus.gradients import Gradients
from analytic.calculus.notation import Names
from analytic.calculus.spelling import geometry_text
from analytic.render._markdown import MarkdownWriter
from analytic.telling.document import Document
from analytic.telling.message import _

_DERIVE = """\
from analytic import Names, derive, parse_geometry

derivation = derive(
    parse_geometry({geometry!r}, bias={bias}),
    names=Names({names}),
)
assert derivation.holds
derivation"""

# Small whole numbers, which floats hold exactly: the two must then agree in every bit.
_CHECK = """\
from analytic import Values
from analytic.numeric import dense

values = Values.of(derivation.geometry)
exact = derivation.evaluate(values)
X, K, G = (
    dense(numbers, tensor.shape)
    for numbers, tensor in (
        (values.X, derivation.X), (values.K, derivation.K), (values.G, derivation.G)
    )
)
found = gradients(X, K, G)
expected = [exact.gradient_input, exact.gradient_kernel, exact.gradient_bias]
for array, numbers in zip(found, expected):
    assert (array == dense(numbers, array.shape)).all()
found"""


def render(document: Document, translations: NullTranslations) -> str:
    """Write the document as a notebook; one of a single geometry holds code, too."""
    writer = MarkdownWriter(document, translations)
    cells = [("markdown", text) for text in (writer.heading(), *writer.steps())]
    if document.derivation is not None:
        cells += _code(document.derivation, writer)
    notebook = {
        "cells": [_cell(number, kind, text) for number, (kind, text) in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _code(derivation: Gradients, writer: MarkdownWriter) -> Iterator[tuple[str, str]]:
    geometry = derivation.geometry
    yield "markdown", "## " + writer.say(_("The same as code"))
    yield (
        "code",
        _DERIVE.format(
            geometry=geometry_text(geometry), bias=geometry.bias, names=_names(derivation.names)
        ),
    )
    yield "markdown", writer.say(_("The gradients as a function of numpy, which stands by itself:"))
    yield "code", generate(geometry).source.rstrip()
    yield (
        "markdown",
        writer.say(_("Its numbers are those of the derivation, which are exact:")),
    )
    yield "code", _CHECK


def _names(names: Names) -> str:
    """The letters that are not the usual ones, as arguments."""
    usual = Names()
    chosen = {f.name: getattr(names, f.name) for f in fields(names)}
    return ", ".join(
        f"{name}={value!r}" for name, value in chosen.items() if value != getattr(usual, name)
    )


def _cell(number: int, kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": kind,
        "id": f"cell-{number}",
        "metadata": {},
        "source": text.splitlines(keepends=True),
    }
    return cell | {"execution_count": None, "outputs": []} if kind == "code" else cell
