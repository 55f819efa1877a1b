"""The notebook is one by the format's own schema, and runs from its first cell to its last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conv_reference.chapter.language import LANGUAGES, translations
from conv_reference.chapter.notebook.writing import write
from conv_reference.chapter.page import titles
from conv_reference.chapter.parts import PARTS
from conv_reference.chapter.parts.material import Plan
from conv_reference.chapter.statements import OWN_GRADIENTS, STATEMENTS
from conv_reference.cli import main

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")


# What the quick version computes, and what a layer is put, in yet smaller numbers.
LESS = """\
from functools import partial
from conv_reference.chapter.own import check
from conv_reference.chapter.parts import material as of_the_parts
from conv_reference.chapter.parts.material import Plan

of_the_parts.QUICK = {plan}
check.BUDGET = 0.05
check.verify = partial(check.verify, where="h <= 4 and w <= 4")
"""


def read(**options: Any) -> Any:
    content = nbformat.reads(write(**options), as_version=4)
    nbformat.validate(content)
    return content


def code(content: Any) -> list[str]:
    return [cell.source for cell in content.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_it_has_every_part_and_every_statement(language: str) -> None:
    content = read(language=language)
    headings = [
        line.removeprefix("## ")
        for cell in content.cells
        for line in cell.source.splitlines()
        if line.startswith("## ")
    ]

    assert headings == list(titles(translations(language).gettext).values())
    for statement in (*STATEMENTS, OWN_GRADIENTS):
        assert statement.code.strip() in code(content)
    sections = {source for source in code(content) if source.startswith("section(")}
    assert sections == {
        f'section("{name}", material, "{language}")'
        for name in PARTS
        if name not in {"code", "check-your-own"}
    }
    for source in code(content):
        compile(source, "cell", "exec")


def test_hebrew_runs_from_right_to_left_and_code_does_not() -> None:
    for cell in read(language="he").cells:
        assert ('<div dir="rtl">' in cell.source) == (cell.cell_type == "markdown")


def test_options_of_the_run_are_those_of_its_first_cell(tmp_path: Path) -> None:
    options = ["--data", str(tmp_path), "--images", "64", "--seed", "3", "--quick"]
    path = tmp_path / "new" / "chapter.ipynb"
    only = ["--only", "exercise-3", "--notebook", str(path)]

    assert main(["chapter", *options, *only, "--language", "he"]) == 0
    content = nbformat.read(path, as_version=4)
    first = code(content)[0]
    assert f"load(Path({str(tmp_path)!r})).pixels[:64]" in first
    assert "Settings(seed=3), QUICK)" in first
    assert titles(str)["filters"] not in path.read_text("utf-8")
    assert 'section("exercise-3", material, "he")' in code(content)


def test_the_code_is_the_same_in_either_language_but_for_its_name() -> None:
    english, hebrew = (code(read(language=language)) for language in ("en", "he"))
    assert [source.replace('"en"', '"he"') for source in english] == hebrew
    assert english != hebrew


@pytest.mark.slow
def test_every_cell_runs(tiny: Plan) -> None:
    """In Hebrew; what an English section shows is the page's (``test_page``)."""
    client = pytest.importorskip("nbclient", reason="nbclient is not installed")
    content = read(language="he", quick=True, images=640)
    content.cells.insert(0, nbformat.v4.new_code_cell(LESS.format(plan=tiny)))
    client.NotebookClient(content, timeout=250, kernel_name="python3").execute()

    printed = {
        cell.source: "".join(out.get("text", "") for out in cell.outputs)
        for cell in content.cells
        if cell.cell_type == "code"
    }
    for statement in (*STATEMENTS, OWN_GRADIENTS):
        assert printed[statement.code.strip()] == statement.output
    said = printed['own(ConvLayer_1, "he")']
    assert "דבר אחד יש לתקן" in said
    shown = [
        output.data["text/html"]
        for cell in content.cells
        if cell.source.startswith("section(")
        for output in cell.outputs
    ]
    assert len(shown) == len(PARTS) - 2
    assert all(frame.startswith("<iframe srcdoc=") for frame in shown)
