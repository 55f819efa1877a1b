from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
from refused import refused
from syrupy.assertion import SnapshotAssertion

from conv_reference.cli import main
from conv_reference.verification.options import DTYPES


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify"], "no TARGET is given, and pyproject.toml has no targets"),
        (["verfy"], "'completion'); did you mean verify? (try conv-reference --help)"),
        (["verify", "torch.nn:Conv2d", "--budgt=3"], "--budgt=3; did you mean --budget? (try"),
        (
            ["verify", "torch.nn:Conv2d", "--dtype", "fp32"],
            f"{DTYPES[-1]!r}); did you mean float32?",
        ),
        (["verify", "torch.nn:Conv2d", "--format", "md"], "); did you mean markdown?"),
        (
            ["chapter", "--ephocs", "3"],
            "arguments: --ephocs 3; did you mean --epochs?",
        ),
        (
            ["verify", "torch.nn:Conv2d", "--no-such-option"],
            "unrecognized arguments: --no-such-option (try conv-reference verify --help)",
        ),
        (["--no-such-option"], "(try conv-reference --help)"),
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
    assert message in refused(arguments, capsys)


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


def test_a_working_directory_that_was_deleted_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    try:
        status = main(["checks"])
    finally:
        os.chdir(tmp_path)
    assert status == 2
    assert capsys.readouterr().err == (
        "conv-reference checks: error: the working directory was deleted; accepted is one that is "
        "there\n"
    )


def test_help_is_there_without_loading_torch() -> None:
    program = (
        "import sys\nfrom conv_reference.cli import main\n"
        "for command in ('chapter', 'verify', 'checks'):\n"
        "    try: main([command, '--help'])\n"
        "    except SystemExit: print('torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "--batch-size" in done.stdout
    assert "--budget SECONDS" in done.stdout
    assert [line for line in done.stdout.splitlines() if line in {"True", "False"}] == ["False"] * 3


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["--version"])
    assert exited.value.code == 0
    assert capsys.readouterr().out == f"conv-reference {version('conv-reference')}\n"


@pytest.mark.parametrize(
    ("thrown", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "conv-reference checks: interrupted\n"),
        (ValueError("two\nlines"), 2, "conv-reference checks: error: two lines\n"),
        (OSError(28, "No space left on device"), 2, "conv-reference checks: error: [Errno 28] "),
        (ImportError("no matplotlib"), 2, "conv-reference checks: error: no matplotlib\n"),
        (BrokenPipeError(32, "Broken pipe"), 2, "conv-reference checks: error: [Errno 32] Broken"),
    ],
    ids=["interrupt", "value", "disk", "import", "another pipe than the reader's"],
)
def test_what_a_command_throws_is_a_status_and_a_line(
    thrown: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def throwing(_: object) -> int:
        raise thrown

    monkeypatch.setattr("conv_reference.verification.commands.checks.run", throwing)
    monkeypatch.setattr("conv_reference.cli.has_no_reader", lambda: False)
    assert main(["checks"]) == status
    captured = capsys.readouterr()
    assert captured.err.startswith(said)
    assert captured.err.count("\n") == (1 if said else 0)


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGHUP])
def test_who_is_asked_to_end_says_so(
    kind: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(_: object) -> int:
        os.kill(os.getpid(), kind)
        return 0

    before = signal.getsignal(kind)
    signal.signal(kind, signal.SIG_DFL)
    monkeypatch.setattr("conv_reference.verification.commands.checks.run", asked)
    try:
        assert main(["checks"]) == 130
        assert signal.getsignal(kind) is signal.SIG_DFL
    finally:
        signal.signal(kind, before)
    assert capsys.readouterr().err == "conv-reference checks: interrupted\n"


def test_what_was_not_foreseen_is_a_line_and_exit_2_and_a_traceback_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> int:
        raise RecursionError("too deep")

    monkeypatch.setattr("conv_reference.verification.commands.checks.run", broken)
    assert main(["checks"]) == 2
    assert capsys.readouterr().err == (
        "conv-reference checks: error: RecursionError: too deep; "
        "please report it, with what CONV_REFERENCE_TRACEBACK=1 shows\n"
    )
    monkeypatch.setenv("CONV_REFERENCE_TRACEBACK", "1")
    with pytest.raises(RecursionError, match="too deep"):
        main(["checks"])


def test_a_bare_command_shows_its_help_and_finds_nothing_right(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith("usage: conv-reference")
    assert printed.err == ""


@pytest.mark.parametrize("command", [(), ("verify",), ("checks",)], ids=" ".join)
def test_the_help(
    command: tuple[str, ...],
    snapshot: SnapshotAssertion,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    assert capsys.readouterr().out == snapshot


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "conv_reference", "-V"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"conv-reference {version('conv-reference')}\n"


def test_a_reader_that_is_gone_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    # Unbuffered, argparse would swallow the refusal itself.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-m", "conv_reference.cli", "--help"],
        env=buffered,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr == ""


def test_what_lies_in_the_working_directory_is_no_module_of_pythons(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit('not this one')\n")
    done = subprocess.run(
        [sys.executable, "-m", "conv_reference", "-V"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert done.stdout.startswith(b"conv-reference ")


def test_only_a_short_run_of_the_command_itself_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "pyproject.toml").write_text("[tool.conv-reference]\nquick = true\n")
    begun: list[list[str]] = []
    monkeypatch.setattr("conv_reference.cli.begin_anew", lambda: begun.append(sys.argv))
    ours, others = "/somewhere/bin/conv-reference", "/somewhere/wrapper.py"
    quick = ["verify", "no_such.py:conv", "--quick"]
    for program, arguments in (
        (ours, quick),
        (ours, quick[:2]),
        (ours, [*quick, "--in-process"]),
        (ours, [*quick, "--python=other"]),
        (ours, ["try", *quick[1:2]]),
        (others, quick),
    ):
        monkeypatch.setattr(sys, "argv", [program, *arguments])
        assert main() == 2
    main(quick)  # called from a program, which would be lost
    assert begun == [[ours, *quick]]
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", find_spec("conv_reference.__main__"))
    monkeypatch.setattr(sys, "argv", ["/somewhere/__main__.py", *quick])
    assert main() == 2
    monkeypatch.chdir("quick")
    monkeypatch.setattr(sys, "argv", [ours, *quick[:2]])
    assert main() == 2
    assert len(begun) == 3
    capsys.readouterr()
