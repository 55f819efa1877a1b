"""The command: what it prints, where, and how it refuses."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from analytic.command import main
from analytic.options import EXAMPLES
from analytic.render import formats


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line on standard error, without the program's name."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    said = capsys.readouterr()
    assert exit_.value.code == 2
    assert said.out == ""
    name, line = said.err.split(": ", 1)
    assert name == "python -m analytic"
    assert line.endswith("\n")
    assert line.count("\n") == 1
    return line.rstrip()


def test_the_chapters_case_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys)
    assert text.startswith("The gradients of a convolution: input 2×3, kernel 1×2\n")
    assert "∂C/∂X₁₁ = G₁₀·K₀₁ + G₁₁·K₀₀" in text


@pytest.mark.parametrize(
    ("form", "beginning"),
    [
        ("text", "The gradients of a convolution"),
        ("markdown", "# The gradients of a convolution"),
        ("latex", r"\documentclass"),
        ("html", "<!DOCTYPE html>"),
        ("json", "{"),
    ],
)
def test_formats(capsys: pytest.CaptureFixture[str], form: str, beginning: str) -> None:
    assert form in formats()
    assert printed(capsys, "--format", form).startswith(beginning)


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("a.txt", "The gradients"),
        ("a.md", "# The"),
        ("a.tex", r"\documentclass"),
        ("a.HTML", "<!DOCTYPE html>"),
        ("a.json", "{"),
        ("a.ipynb", "{"),
        ("a.py", "import numpy"),
        ("plain", "The gradients"),
    ],
)
def test_the_files_name_gives_the_format(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, beginning: str
) -> None:
    path = tmp_path / name

    assert printed(capsys, "--output", str(path)) == ""

    assert path.read_text(encoding="utf-8").startswith(beginning)


def test_format_outweighs_the_files_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "derivation.txt"
    printed(capsys, "--format", "markdown", "--output", str(path))
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_fragment(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--fragment")
    assert text.startswith("% ")
    assert r"\section{The definition}" in text
    assert r"\documentclass" not in text


def test_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert "הגרדיאנטים של קונבולוציה" in printed(capsys, "--language", "he")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            "--kernel 5",
            "the kernel must fit into the padded input, got a dilated kernel of height 5 and a "
            "padded input of height 2 (kernel 5, dilation 1; input 2, padding 0:0)",
        ),
        ("--stride 0", "stride must be at least 1, got 0"),
        ("--input -2x3", "input must be at least 1, got (-2, 3)"),
        ("--padding -1", "padding must be at least 0, got -1"),
        ("--batch 0", "batch must be at least 1, got 0"),
        ("--symbols X=K", "the names must differ: 'K' is both the input and the kernel"),
        ("--symbols X=C", "the names must differ: 'C' is both the cost and the input"),
        (
            "--groups 2",
            "in_channels must be a multiple of groups, got in_channels=1 and groups=2",
        ),
        ("--input 2y3", "argument --input: a size is written 2 or 2x3, not '2y3'"),
        ("--batch 2x2", "argument --batch: this is one number, not '2x2'"),
        (
            "--channels 1x2x3",
            "argument --channels: channels are written 4 or 4x6 (in x out), not '1x2x3'",
        ),
        ("--values X=1,2", "X must have 2×3 numbers (or one for all), not '1,2'"),
        (
            "--fragment --format html",
            "the format html is always a whole document; fragments are latex's",
        ),
        (
            "--output a.docx",
            "no format is named .docx: say --format, or name the file .txt, .tex, .pdf, .md, "
            ".html, .json, .ipynb, .py",
        ),
        (
            "--theorem --input 3 --values X=1",
            "--theorem is of every geometry and takes no --input, --values",
        ),
        ("--language fr", "argument --language: invalid choice: 'fr' (choose from 'en', 'he')"),
        (
            "--input " + "9" * 5000,
            f"argument --input: a size is written 2 or 2x3, not '{'9' * 59}…'",
        ),
        (
            "--values X=1," + "9" * 5000,
            "X must hold numbers of at most 100 signs, got one of 5000",
        ),
        ("--inptu 3", "unrecognized arguments: --inptu 3; did you mean --input?"),
        (
            "--language eng",
            "argument --language: invalid choice: 'eng' (choose from 'en', 'he'); did you mean en?",
        ),
        (
            "--padding 1:0x2:0x1",
            "argument --padding: padding is written 1, 1x2, 1:0x0:2 (top:bottom x left:right), "
            "same or valid, not '1:0x2:0x1'",
        ),
        (
            "--padding 1,0,0,2",
            "argument --padding: padding is written 1, 1x2, 1:0x0:2 (top:bottom x left:right), "
            "same or valid, not '1,0,0,2'",
        ),
        ("--padding same --stride 2", "padding='same' needs stride 1, got stride=(2, 2)"),
        (
            "--geometry h2 --stride 2 --bias",
            "--geometry gives all sizes and takes no --stride",
        ),
        (
            "--geometry h2",
            "the geometry 'h2' lacks w, k; accepted is a form like "
            "'n1 c1 h2 w3 o1 k1x2 s1 p0 d1 g1'",
        ),
        (
            "--try dX=1 --theorem --values X=1 --format html",
            "--try answers in a few lines of text and takes no --theorem, --values, --format",
        ),
        ("--try dX[0,0]=H", "there is no 'H' here; accepted are elements of X, K, G, dY, and "
         "letters with which a sum or the left side counts"),
        (
            "--format numpy --values X=1 --theorem",
            "the format numpy is a function and takes no --theorem, --values",
        ),
        (
            "--output a.py --input 101x100 --kernel 101x100",
            "the function has a passage for each kernel element, got 10,100; accepted are up to "
            "10,000",
        ),
        ("--theorem --geometry h2", "--theorem is of every geometry and takes no --geometry"),
        (
            "--input 3000 --kernel 3",
            "the geometry is too large to be derived symbol by symbol, got 116,868,053 symbols and "
            "products; accepted are up to 600,000, as of a 200×200 input with a 3×3 kernel",
        ),
    ],
)  # fmt: skip
def test_refusals_are_one_clear_line(
    capsys: pytest.CaptureFixture[str], arguments: str, line: str
) -> None:
    assert refused(capsys, *arguments.split()) == line


def test_missing_library_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    monkeypatch.delitem(sys.modules, "analytic.render.html", raising=False)

    line = refused(capsys, "--format", "html")

    assert line == (
        "the format html needs latex2mathml, which is missing here: pip install latex2mathml"
    )


def test_file_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "derivation.txt"

    assert main(["--output", str(path)]) == 2

    line = f"python -m analytic: cannot write {path}: No such file or directory\n"
    assert capsys.readouterr().err == line


def test_terminal_without_unicode_is_told_what_to_do() -> None:
    done = run(environment={"PYTHONIOENCODING": "ascii"})

    assert done.returncode == 2
    assert done.stderr == (
        "python -m analytic: standard output is ascii, which lacks '\\xd7'; "
        "set PYTHONIOENCODING=utf-8, or name a file with --output\n"
    )


def test_reader_that_has_seen_enough_is_no_failure() -> None:
    program = f"{sys.executable} -m analytic --input 9 --kernel 3 | head -1"
    done = subprocess.run(program, shell=True, capture_output=True, text=True, check=False)

    assert done.stdout.startswith("The gradients")
    assert done.stderr == ""


def test_help_teaches_by_example(
    capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])

    assert exit_.value.code == 0
    text = capsys.readouterr().out
    assert text == snapshot
    assert max(map(len, text.splitlines())) <= 80


def test_every_example_of_the_help_works(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    examples = [line for line in EXAMPLES.splitlines() if line.startswith("  python -m analytic")]
    assert len(examples) > 8
    for example in examples:
        command = example.split("&&")[0].replace("python -m analytic", "", 1)
        assert main(shlex.split(command)) == 0, example
    assert capsys.readouterr().err == ""


def test_nothing_heavy_is_loaded_to_begin_with() -> None:
    """The start-up stays below a second and a half; a time would fail on a busy machine."""
    program = "import sys; from analytic.command import main; main([]); print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.splitlines()[-1]

    for name in ("torch", "numpy", "jinja2", "latex2mathml", "analytic.theorem"):
        assert f"'{name}'" not in loaded


def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "analytic"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_geometry_beyond_the_memory_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("analytic.request.derive", exhausted)
    assert "too large for this machine's memory" in refused(capsys)


@pytest.mark.parametrize("failure", [RecursionError(), KeyError("x\ny"), AssertionError])
def test_what_nobody_foresaw_is_one_line_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr("analytic.request.derive", fails)

    assert main([]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("python -m analytic: failed by a mistake of its own (")
    assert said.err.count("\n") == 1


def test_an_interrupted_one_leaves_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("analytic.request.derive", interrupted)

    assert main([]) == 130
    assert capsys.readouterr().err == "python -m analytic: interrupted\n"
