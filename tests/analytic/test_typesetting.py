"""LaTeX to PDF: with the TeX of this machine, with none, and with one that fails."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from analytic.command import main
from analytic.typesetting import TypesettingError, engine, pdf

Program = Callable[[str, str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts a shell script on a path where nothing else is."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def write(name: str, body: str) -> None:
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)

    return write


def test_hebrew_needs_lualatex_and_english_takes_what_there_is(program: Program) -> None:
    program("lualatex", "exit 0")
    assert engine(right_to_left=True) == "lualatex"
    assert engine(right_to_left=False) == "lualatex"
    program("pdflatex", "exit 0")
    assert engine(right_to_left=True) == "lualatex"
    assert engine(right_to_left=False) == "pdflatex"


def test_without_tex_it_is_one_line_before_the_work(
    program: Program,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("analytic.request.derive", lambda *_, **__: 1 / 0)
    with pytest.raises(SystemExit) as exit_:
        main(["--output", str(tmp_path / "a.pdf")])
    assert exit_.value.code == 2
    assert capsys.readouterr().err == (
        "python -m analytic: a PDF is set by pdflatex or lualatex, not found on this machine "
        "(Debian: texlive-luatex, texlive-latex-recommended); a file named .tex holds what it "
        "reads\n"
    )


def test_what_tex_writes_is_the_file(program: Program, tmp_path: Path) -> None:
    program("pdflatex", 'read x < derivation.tex; echo "%PDF of $x" > derivation.pdf')
    output = tmp_path / "a.pdf"
    assert main(["--output", str(output)]) == 0
    assert output.read_text(encoding="utf-8") == "%PDF of documentclass[11pt,a4paper]{article}\n"


def test_tex_that_fails_is_one_line(program: Program) -> None:
    program("pdflatex", "echo This is TeX; echo '! Undefined control sequence.'; exit 1")
    with pytest.raises(TypesettingError, match=r"^pdflatex failed: ! Undefined control sequence.$"):
        pdf("x", "pdflatex")
    program("pdflatex", "exit 3")
    with pytest.raises(TypesettingError, match=r"^pdflatex failed: exit status 3$"):
        pdf("x", "pdflatex")


def test_tex_that_never_ends_is_ended(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytic.typesetting._SECONDS", 0.2)
    program("pdflatex", "while :; do :; done")
    with pytest.raises(TypesettingError, match=r"took more than 0.2 s$"):
        pdf("x", "pdflatex")


@pytest.mark.parametrize("arguments", [["--format", "pdf"], ["--fragment", "--output", "a.pdf"]])
def test_a_pdf_is_a_file_and_whole(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    line = "a PDF is a whole document in a file: name it with --output\n"
    assert capsys.readouterr().err == f"python -m analytic: {line}"


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "he"])
def test_the_tex_of_this_machine_sets_it(tmp_path: Path, language: str) -> None:
    if shutil.which("lualatex") is None:
        pytest.skip("no lualatex on this machine: nothing is set here")
    output = tmp_path / "a.pdf"
    assert main(["--language", language, "--output", str(output)]) == 0
    assert output.read_bytes().startswith(b"%PDF-")
