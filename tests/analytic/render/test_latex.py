"""LaTeX: what every distribution compiles, without a warning that a line is too wide."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from gettext import NullTranslations
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from analytic.locale import translations
from analytic.render.latex import fragment, render
from analytic.telling.document import Document
from analytic.theorem import theorem

Golden = Callable[[str], SnapshotAssertion]
Samples = Mapping[str, Any]


def compiled(engine: str, source: str, folder: Path) -> str:
    """Compile, and give the log; the PDF is in the folder."""
    found = shutil.which(engine)
    if found is None:
        pytest.skip(f"no {engine} on this machine: the LaTeX is not compiled here")
    (folder / "printout.tex").write_text(source, encoding="utf-8")
    subprocess.run(
        [found, "-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape", "printout.tex"],
        cwd=folder,
        capture_output=True,
        timeout=200,
        check=False,
    )
    log = (folder / "printout.log").read_text(encoding="utf-8", errors="replace")
    errors = [line for line in log.splitlines() if line.startswith("!")]
    assert not errors, errors
    assert (folder / "printout.pdf").read_bytes().startswith(b"%PDF")
    return log


def too_wide(log: str) -> list[str]:
    """What sticks out by more than three points; less is not seen."""
    found = re.findall(r"Overfull \\hbox \(([0-9.]+)pt too wide\).*", log)
    return [points for points in found if float(points) > 3]


def test_printout(document: Document, golden: Golden) -> None:
    assert render(document, NullTranslations()) == golden("tex")


def test_printout_in_hebrew(samples: Samples, golden: Golden) -> None:
    assert render(samples["chapter"].document(), translations("he")) == golden("tex")


def test_document_compiles_and_fits_the_page(document: Document, tmp_path: Path) -> None:
    log = compiled("pdflatex", render(document, NullTranslations()), tmp_path)

    assert too_wide(log) == []
    assert "Missing character" not in log


@pytest.mark.parametrize("name", ["strided and padded", "channels and groups and batch and bias"])
def test_hebrew_document_compiles(samples: Samples, name: str, tmp_path: Path) -> None:
    source = render(samples[name].document(), translations("he"))
    log = compiled("lualatex", source, tmp_path)

    assert too_wide(log) == []
    assert "Missing character" not in log


def test_hebrew_theorem_compiles(tmp_path: Path) -> None:
    log = compiled("lualatex", render(theorem(), translations("he")), tmp_path)

    assert too_wide(log) == []
    assert "Missing character" not in log


def test_fragment_is_included_in_a_document_of_the_readers(
    samples: Samples, tmp_path: Path
) -> None:
    part = fragment(samples["strided and padded"].document(), NullTranslations())
    (tmp_path / "derivation.tex").write_text(part, encoding="utf-8")
    host = (
        r"\documentclass{report}\usepackage[utf8]{inputenc}\usepackage{amsmath,amssymb}"
        r"\begin{document}\chapter{Mine}\input{derivation}\end{document}"
    )

    compiled("pdflatex", host, tmp_path)

    assert r"\documentclass" not in part


def test_what_tex_takes_for_commands_is_escaped(samples: Samples) -> None:
    text = render(samples["more padding than kernel"].document(), NullTranslations())

    assert r"input 2\ensuremath{\times}2" in text
    assert r"Pad $G$: \ensuremath{-}1 at the top" in text
