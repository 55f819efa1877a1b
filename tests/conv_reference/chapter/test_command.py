from __future__ import annotations

import re
from pathlib import Path

import pytest
from refused import refused

from conv_reference.chapter import parts, training
from conv_reference.chapter.curvature import curvature
from conv_reference.chapter.data import load
from conv_reference.chapter.own import book
from conv_reference.chapter.own.mend import mended
from conv_reference.cli import main


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lr", "nan"], "the learning rate must be finite and more than 0, got nan"),
        (["--data", "/nowhere"], "no train-images-idx3-ubyte"),
        (["--kernel-size", "29"], "it has 29×29 and they have 28×28"),
        (["--kernel-size", "2x3"], "the kernel must be at least 3×3"),
        (["--kernel-size", "3xx"], "--kernel-size: invalid size value: '3xx'"),
        (["--html", "p.html", "--lr", "nan"], "the learning rate must be finite and more than 0"),
        (["--html", "p.html", "--kernel-size", "29"], "it has 29×29 and they have 28×28"),
        (["--html", "p.html", "--images", "257"], "--images must be from 1 to 256, got 257"),
        (["--html", "p.html", "--raw"], "--raw goes without --html"),
        (["--html", "p.html", "--data", "/nowhere"], "no train-images-idx3-ubyte"),
        (["--html", "p.html", "--language", "tlh"], "--language: invalid choice: 'tlh'"),
        (["--html", "p.html", "--only", "cost"], "--only: invalid choice: 'cost'"),
        (["--quick"], "--quick and --only go with --html or --notebook"),
        (["--only", "filters"], "--quick and --only go with --html or --notebook"),
        (["--html", "p.html", "--check", "mine.py"], "--check goes without --html and --notebook"),
        (["--html", "p.html", "--notebook", "p.ipynb"], "--html and --notebook are two commands"),
        (["--check", "nowhere.py"], "No such file or directory: 'nowhere.py'"),
        (["--check", "nowhere:Layer"], "cannot import 'nowhere'"),
        (["--html", "file/p.html"], "the folder file cannot be written"),
        (["--output", "file/folder"], "the folder file/folder cannot be written: Not a directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_carried_out_is_one_line_and_exit_2(
    options: list[str],
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    (folder / "file").touch()
    assert message in refused(["chapter", "--data", ".", *options], capsys)


def test_the_summary_names_the_filter_and_the_figure_is_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--target", "blur", "--kernel-size", "3x5", "--layer", "torch"]
    assert main(["chapter", "--data", str(folder), "--output", str(folder), *options]) == 0
    printed = capsys.readouterr().out

    assert "256 images, 4 minibatches, learning rate 0.1, seed 0" in printed
    assert printed.count("     0 +0.111 +0.111 +0.111      0\n") == 3
    assert "vertical" not in printed  # what is said of the chapter's own K
    assert (folder / "blur.png").read_bytes().startswith(b"\x89PNG")


def test_the_summary_is_in_hebrew_on_request(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--output", str(folder), "--language", "he"]
    assert main(["chapter", "--data", str(folder), *options]) == 0
    printed = capsys.readouterr().out

    assert printed.startswith("256 תמונות, 4 אצוות, קצב למידה 0.1, זרע 0\n")
    assert "loss" not in printed


def test_raw_pixels_diverge_with_a_word_and_exit_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["chapter", "--data", str(folder), "--output", str(folder / "o"), "--raw"]

    assert main([*command, "--batch-size", "8"]) == 1
    printed = capsys.readouterr().out
    assert "diverged: the loss was" in printed
    limit = re.search(r"must stay below 1/λmax = (\S+) ", printed)
    assert limit is not None
    images = load(folder).images() * 255
    assert float(limit[1]) == pytest.approx(curvature(images, (3, 3)).threshold, rel=0.01)
    assert list((folder / "o").iterdir()) == []


def test_interrupted_it_prints_what_was_reached_and_that_the_next_run_begins_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = training.descend

    def until_ctrl_c(*arguments: object) -> object:
        for number, step in enumerate(whole(*arguments)):  # type: ignore[arg-type]  # text, as a user's
            if number == 2:
                raise KeyboardInterrupt
            yield step

    monkeypatch.setattr(training, "descend", until_ctrl_c)
    assert main(["chapter", "--data", str(folder), "--output", str(folder)]) == 130
    printed = capsys.readouterr().out
    assert "interrupted: 2 minibatches of 4 are done" in printed
    assert "the next run begins anew" in printed
    assert (folder / "edge-detector.png").exists()


@pytest.mark.slow
def test_a_layer_of_ones_own_is_checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layer, right = folder / "my_layer.py", folder / "right.py"
    layer.write_text(book.LAYER)
    right.write_text(mended(book.LAYER, book.NAME))

    assert main(["chapter", "--check", str(layer)]) == 1
    printed = capsys.readouterr().out
    assert "exact once this is torch's default" in printed
    assert printed.endswith(f"  conv-reference verify {layer}:ConvLayer_1\n")
    assert main(["chapter", "--check", f"{right}:ConvLayer_1"]) == 0


def test_a_part_of_the_page_is_written_in_a_folder_or_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["chapter", "--data", str(folder), "--only", "exercise-3", "--html"]
    assert main([*command, str(folder)]) == 0
    assert main([*command, str(folder / "new" / "page.html"), "--language", "he"]) == 0

    printed = capsys.readouterr().out
    assert printed.startswith("part 1 of 1: exercise-3\n")
    assert "חלק 1 מתוך 1: exercise-3\n" in printed
    assert "--only exercise-3" in (folder / "chapter.html").read_text("utf-8")
    hebrew = (folder / "new" / "page.html").read_text("utf-8")
    assert 'dir="rtl"' in hebrew
    assert f"--data {folder}" in hebrew


def test_a_page_that_is_interrupted_says_what_is_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ctrl_c(material: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(parts.PARTS["advantages"], "compute", ctrl_c)
    only = ["--only", "exercise-3", "--only", "advantages"]
    command = ["chapter", "--data", str(folder), "--html", str(folder / "p.html"), *only]

    assert main(command) == 130
    printed = capsys.readouterr().out
    assert "interrupted in part 2 of 2, advantages: no page is written" in printed
    assert "the 1 parts before it are lost" in printed
    assert not (folder / "p.html").exists()


def test_a_full_disk_is_one_line_at_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    command = ["chapter", "--data", str(folder), "--html", str(folder / "p.html")]
    assert main([*command, "--only", "exercise-3"]) == 2
    error = capsys.readouterr().err
    assert error.endswith("p.html cannot be written: No space left on device\n")
    assert error.count("\n") == 1


def test_a_run_that_diverges_has_no_page_and_says_why(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--lr", "1e30", "--only", "experiment"]
    command = ["chapter", "--data", str(folder), "--html", str(folder / "p.html"), *options]
    assert main(command) == 2
    assert "the run diverges after" in capsys.readouterr().err


def test_the_animation_is_made_on_request(folder: Path) -> None:
    command = ["chapter", "--data", str(folder), "--output", str(folder), "--animation"]
    assert main(command) == 0
    assert (folder / "kernel.gif").read_bytes().startswith(b"GIF8")
