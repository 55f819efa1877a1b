"""The notebook: its form, and that its code runs from the first cell to the last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from gettext import NullTranslations
from typing import Any

import pytest

from analytic import Derivation, Geometry, Names, derive
from analytic.locale import translations
from analytic.render.notebook import render
from analytic.telling.document import Document
from analytic.theorem import theorem

Samples = Mapping[str, Any]


def cells(document: Document, language: str = "en") -> list[dict[str, Any]]:
    notebook = json.loads(render(document, translations(language)))
    found: list[dict[str, Any]] = notebook["cells"]
    return found


def code(document: Document) -> list[str]:
    return ["".join(c["source"]) for c in cells(document) if c["cell_type"] == "code"]


def test_the_form_is_that_of_version_4_5(samples: Samples) -> None:
    """Its JSON schema in a few lines; nbformat is not installed here."""
    notebook = json.loads(render(samples["chapter"].document(), NullTranslations()))
    assert notebook.keys() == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"].keys() == {"display_name", "language", "name"}
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(ids) == len(set(ids))
    common = {"cell_type", "id", "metadata", "source"}
    for cell in notebook["cells"]:
        further = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert cell.keys() == common | further
        assert all(line.endswith("\n") for line in cell["source"][:-1])


@pytest.mark.parametrize(
    "derivation",
    [
        derive(Geometry((2, 3), (1, 2))),
        derive(Geometry(5, 3, stride=2, padding=((1, 0), (0, 2)), bias=True)),
        derive(Geometry(3, 2, batch=2, in_channels=4, out_channels=6, groups=2)),
        derive(Geometry(2, 1), names=Names(input="A", kernel="ω", all_indices=True)),
    ],
    ids=repr,
)
def test_its_code_runs_and_ends_with_the_gradients(derivation: Derivation) -> None:
    scope: dict[str, Any] = {}
    for source in code(derivation.document):
        exec(compile(source, "<cell>", "exec"), scope)
    assert scope["derivation"].geometry == derivation.geometry
    assert scope["derivation"].names == derivation.names
    assert len(scope["found"]) == 2 + derivation.geometry.bias


def test_a_wrong_function_is_noticed() -> None:
    *before, function, check = code(derive(Geometry((2, 3), (1, 2))).document)
    wrong = function.replace("K[..., 0, 1]", "K[..., 0, 0]")
    assert wrong != function
    scope: dict[str, Any] = {}
    for source in (*before, wrong):
        exec(compile(source, "<cell>", "exec"), scope)
    with pytest.raises(AssertionError):
        exec(compile(check, "<cell>", "exec"), scope)


def test_the_theorem_is_told_without_code() -> None:
    assert {cell["cell_type"] for cell in cells(theorem())} == {"markdown"}


def test_in_hebrew_too(samples: Samples) -> None:
    text = "".join("".join(c["source"]) for c in cells(samples["chapter"].document(), "he"))
    assert "אותו הדבר כקוד" in text
    assert "The same as code" not in text
