"""JSON: the whole document as data, nothing left out; expressions as text and as LaTeX."""

from __future__ import annotations

import json
from collections.abc import Sequence
from gettext import NullTranslations
from typing import Any

from analytic.calculus.geometry import Geometry
from analytic.calculus.notation import Expr, Index
from analytic.calculus.spelling import geometry_text
from analytic.locale import language_of
from analytic.render._latex import LatexPrinter
from analytic.render._layout import NO_BREAK
from analytic.render._unicode import UnicodePrinter
from analytic.render._writer import BlockWriter, relations
from analytic.telling.document import (
    CaseTable,
    Check,
    Document,
    Formula,
    Formulas,
    Grid,
    Grids,
    Items,
    Matrix,
    Paragraph,
    Step,
)
from analytic.telling.message import Message

#: Raised when a key is taken away or changes its meaning; more keys may be added without.
SCHEMA = 1


def render(document: Document, translations: NullTranslations) -> str:
    """Write the document as one JSON object."""
    written = _Json(document, translations).object()
    return json.dumps(written, ensure_ascii=False, indent=1) + "\n"


class _Json(BlockWriter[dict[str, Any]]):
    def __init__(self, document: Document, translations: NullTranslations) -> None:
        super().__init__(document, translations)
        compact = document.has_one_digit_indices
        self._text = UnicodePrinter(self.say, compact=compact, most_terms=None)
        self._latex = LatexPrinter(self.say, most_terms=None)

    def object(self) -> dict[str, Any]:
        """The document."""
        document, derivation = self.document, self.document.derivation
        written: dict[str, Any] = {
            "schema": SCHEMA,
            "language": language_of(self.translations),
            "title": self.say(document.title),
            "facts": [self.say(fact) for fact in document.facts],
        }
        if derivation is not None:
            written |= {
                "geometry": _geometry(derivation.geometry),
                "holds": derivation.holds,
                "cases": [
                    {"outputs": case.count, "pixels": case.pixels} for case in derivation.cases
                ],
            }
        return written | {"steps": [self._step(step) for step in document.steps]}

    def _step(self, step: Step) -> dict[str, Any]:
        return {
            "title": self.say(step.title),
            "blocks": [self.block(block) for block in step.blocks],
            "conditions": [self.say(condition) for condition in step.conditions],
        }

    def paragraph(self, block: Paragraph) -> dict[str, Any]:
        return {"kind": "paragraph", "text": self.say(block.text)}

    def formulas(self, block: Formulas) -> dict[str, Any]:
        return {"kind": "formulas", "formulas": [self._formula(f) for f in block.formulas]}

    def _formula(self, formula: Formula) -> dict[str, Any]:
        return {
            "sides": [self.expression(side) for side in formula.sides],
            "relations": relations(formula),
        }

    def grids(self, block: Grids) -> dict[str, Any]:
        return {"kind": "grids", "grids": [self._grid(grid) for grid in block.grids]}

    def _grid(self, grid: Grid) -> dict[str, Any]:
        return {
            "label": self._label(grid.label),
            "quantity": grid.quantity,
            "leading": grid.leading,
            "cells": [[self.plain(cell) for cell in row] for row in grid.cells],
        }

    def _label(self, label: Expr | Message) -> str:
        return self.say(label) if isinstance(label, Message) else self.plain(label)

    def matrix(self, block: Matrix) -> dict[str, Any]:
        jacobian = block.jacobian
        return {
            "kind": "matrix",
            "label": self.expression(block.label),
            "shape": jacobian.shape,
            "rows": self._names(list(jacobian.of), jacobian.of),
            "columns": self._names(list(jacobian.by), jacobian.by),
            "entries": [
                {"row": row, "column": column, **self.expression(entry)}
                for (row, column), entry in jacobian.entries.items()
            ],
        }

    def _names(self, indices: Sequence[Index], tensor: Any) -> list[str]:
        return [self.plain(tensor[index]) for index in indices]

    def cases(self, block: CaseTable) -> dict[str, Any]:
        rows = [
            {"name": self.say(name), "pixels": [self.plain(pixel) for pixel in members]}
            for name, members in block.cases
        ]
        return {"kind": "cases", "cases": rows, "counts": self._grid(block.counts)}

    def items(self, block: Items) -> dict[str, Any]:
        return {"kind": "items", "items": [self.say(item) for item in block.items]}

    def check(self, block: Check) -> dict[str, Any]:
        return {"kind": "check", "holds": block.holds, "verdict": self.say(block.verdict)}

    def expression(self, expression: Expr) -> dict[str, str]:
        """An expression in both notations."""
        return {"text": self.plain(expression), "latex": str(self._latex.doprint(expression))}

    def plain(self, expression: Expr) -> str:
        """An expression as text on one line."""
        return str(self._text.doprint(expression)).replace(NO_BREAK, " ")

    def inline(self, value: Formula | Expr) -> str:
        if not isinstance(value, Formula):
            return self.plain(value)
        head, *sides = map(self.plain, value.sides)
        tail = (f"{sign} {side}" for sign, side in zip(relations(value), sides, strict=True))
        return " ".join([head, *tail])


def _geometry(geometry: Geometry) -> dict[str, Any]:
    return {
        "text": geometry_text(geometry),
        "input": geometry.input,
        "kernel": geometry.kernel,
        "output": geometry.output,
        "stride": geometry.stride,
        "padding": geometry.sides,
        "dilation": geometry.dilation,
        "remainder": geometry.remainder,
        "batch": geometry.batch,
        "in_channels": geometry.in_channels,
        "out_channels": geometry.out_channels,
        "groups": geometry.groups,
        "bias": geometry.bias,
    }
