"""Cells, and the file that holds them: nbformat 4.5, whose schema the tests keep it to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Cell:
    """One cell, not yet run."""

    kind: Literal["markdown", "code"]
    source: str

    def as_json(self, number: int) -> dict[str, Any]:
        """As the file has it; the number makes its name."""
        code: dict[str, Any] = (
            {"execution_count": None, "outputs": []} if self.kind == "code" else {}
        )
        return {
            "cell_type": self.kind,
            "id": f"cell-{number}",
            "metadata": {},
            "source": self.source.strip().splitlines(keepends=True),
            **code,
        }


def prose(text: str, direction: str) -> Cell:
    r"""Markdown, from right to left where the language runs so.

    >>> prose("# Title", "rtl").source
    '<div dir="rtl">\n\n# Title\n\n</div>'
    """
    return Cell(
        "markdown", text if direction == "ltr" else f'<div dir="{direction}">\n\n{text}\n\n</div>'
    )


def notebook(cells: Sequence[Cell]) -> str:
    """The file's content."""
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "cells": [cell.as_json(number) for number, cell in enumerate(cells)],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
