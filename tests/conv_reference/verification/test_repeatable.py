"""The same commit, seed and machine give the same bytes, but for the environment and the time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conv_reference.cli import main

pytestmark = pytest.mark.slow

FEW = ("--budget", "0.3", "--dtype", "float32", "--format", "json")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No clock: a run that it cuts is as long as the machine was free."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("conv_reference.verification.plan.request.OVERRUN", 1e6)


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


@pytest.mark.parametrize("target", ["torch.nn.functional:conv2d", "faulty:wrong_groups"])
def test_one_worker_or_two_give_the_same_bytes(
    target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (lines(capsys, target, "--seed", "7", "--workers", count) for count in "12")

    assert one == two


def test_the_gate_gives_the_same_bytes_and_so_does_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = []
    for name in ("a.json", "b.json"):
        lines(capsys, "faulty:wrong_groups", "--seed", "7", "--baseline", name, "--update-baseline")
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]

    gate = ("faulty:wrong_groups", "--baseline", "a.json", "--seed", "8")
    assert lines(capsys, *gate, "--workers", "1") == lines(capsys, *gate, "--workers", "2")
