from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conv_reference.cli import main


def test_verify_says_right_and_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "torch.nn.functional:conv2d", "--geometry", "h2 w3 k1x2"]) == 0
    assert capsys.readouterr().out.startswith(
        "torch.nn.functional:conv2d: right, bit for bit, on 1 geometries"
    )


def test_verify_writes_json(tmp_path: Path) -> None:
    output = tmp_path / "report.json"
    options = ["--geometry", "h2 w3 k1x2", "--seed", "5", "--dtype", "float64"]
    command = ["verify", "torch.nn:Conv2d", *options, "--format", "json", "--output", str(output)]

    assert main(command) == 0
    report = json.loads(output.read_text())
    assert (report["schema"], report["verdict"], report["seed"]) == (1, "exact", 5)
    assert {check["name"] for check in report["checks"]} == {
        "forward",
        "grad_input",
        "grad_weight",
        "grad_bias",
    }


def test_a_target_in_a_file_that_is_wrong_exits_1_with_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from torch.nn.functional import conv2d\n"
        "def convolve(input, weight):\n"
        "    return conv2d(input, weight.flip(2, 3))\n"
    )
    target = f"{file}:convolve"

    assert main(["verify", target, "--geometry", "h1 w2 k1x2", "--format", "json"]) == 1
    finding = json.loads(capsys.readouterr().out)["findings"][0]
    assert finding["quantity"] == "Y"
    assert finding["geometry"] == "n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1"
    assert finding["known"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "nowhere:conv2d"], "cannot import 'nowhere'"),
        (["verify", "torch.nn:Conv2d", "--geometry", "h2"], "the geometry 'h2' lacks w, k"),
        (["verify", "torch.nn:Conv2d", "--dtype", "int8"], "invalid choice: 'int8'"),
        (["verify", "torch.nn:Conv2d", "--seed", "-1"], "seed must be at least 0, got -1"),
        (["verify", "torch.nn:Conv2d", "--budget", "0"], "budget must be more than 0"),
        (["verify", "torch.nn:Conv2d", "--device", "x"], "no device 'x' here"),
        (["verify"], "the following arguments are required: TARGET"),
        ([], "the following arguments are required: COMMAND"),
        (["chapter", "--lr", "nan"], "the learning rate must be finite and more than 0, got nan"),
        (["chapter", "--data", "/nowhere"], "no train-images-idx3-ubyte"),
        (["chapter", "--images", "0"], "--images must be from 1 to 60000, got 0"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else None,
)
def test_what_cannot_be_carried_out_is_one_line_and_exit_2(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        status = main(arguments)
    except SystemExit as error:  # argparse's own way
        status = int(str(error.code))
    captured = capsys.readouterr()

    assert status == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_an_output_folder_that_cannot_be_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["chapter", "--output", str(tmp_path / "file" / "folder")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_chapter_prints_the_kernels_and_writes_the_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["chapter", "--images", "640", "--output", str(tmp_path / "new" / "folder")]

    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "640 images, 10 minibatches, learning rate 0.1, seed 0" in printed
    assert "it answers to horizontal edges" in printed
    figure = tmp_path / "new" / "folder" / "edge-detector.png"
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in figure.parent.iterdir()] == ["edge-detector.png"]


def test_help_is_there_without_loading_torch() -> None:
    program = (
        "import sys\nfrom conv_reference.cli import main\n"
        "try: main(['chapter', '--help'])\n"
        "except SystemExit: print('torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "--batch-size" in done.stdout
    assert done.stdout.endswith("False\n")


def test_a_reader_that_stops_early_is_no_error() -> None:
    command = f"{sys.executable} -m conv_reference.cli --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
