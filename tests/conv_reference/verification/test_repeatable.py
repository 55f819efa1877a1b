"""The same commit, seed and machine give the same bytes, but for the environment and the time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conv_reference.cli import main

pytestmark = pytest.mark.slow

FEW = ("--budget", "0.1", "--dtype", "float32", "--format", "json")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No clock: a run that it cuts is as long as the machine was free."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("conv_reference.verification.options.clock.OVERRUN", 1e6)


def lines(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """What the command prints, without what may differ.

    Of a process whose memory was damaged, how it died is chance: glibc may notice, or the damage
    leads it to a page that is not its own.
    """
    main(["verify", *words, *FEW])
    content = json.loads(capsys.readouterr().out)
    del content["environment"], content["seconds"]
    for finding in content["findings"]:
        if finding["verdict"] == "crashed":
            del finding["actual"], finding["explanation"]
    return json.dumps(content, indent=1).splitlines()


def test_one_worker_or_two_give_the_same_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    target = "torch.nn.functional:conv2d"
    one, two = (lines(capsys, target, "--seed", "7", "--workers", count) for count in "12")

    assert one == two


def test_the_gate_gives_the_same_bytes_and_so_does_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = ("faulty:wrong_groups", "--check", "certificate", "--check", "vmap", "--baseline")
    gate = []
    for workers in "12":
        name = f"{workers}.json"
        words = (*held, name, "--workers", workers)
        made = lines(capsys, *words, "--seed", "7", "--update-baseline")
        gate.append((made, (tmp_path / name).read_bytes(), lines(capsys, *words, "--seed", "8")))

    assert gate[0] == gate[1]
