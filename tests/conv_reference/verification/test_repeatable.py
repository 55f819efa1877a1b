"""The same commit, seed and machine give the same bytes, but for the environment and the time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from conv_reference.cli import main
from conv_reference.verification.known.known import SHIPPED, load
from conv_reference.verification.model.result import Verdict

pytestmark = pytest.mark.slow

FEW = ("--budget", "0.1", "--dtype", "float32", "--format", "json")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No clock at any stage: a run that one cuts is as long as the machine was free."""
    monkeypatch.chdir(tmp_path)
    for name in ("OVERRUN", "ELSEWHERE", "LEAST_APART", "MOST_APART"):
        monkeypatch.setattr(f"conv_reference.verification.options.clock.{name}", 1e6)


def without_damage(folder: Path) -> Path:
    """The registry, whose defects that write over foreign memory are not provoked.

    Whether such a process dies, or answers with wrong numbers, is chance. The cases that they
    concern are put elsewhere, as in each run.
    """
    defects = SHIPPED.read_text(encoding="utf-8").split("[[defect]]")
    mixed = f'verdicts = ["{Verdict.CRASHED}", "{Verdict.WRONG}"]'
    kept = [re.sub(r"^shows = .*\n", "", d, flags=re.M) if mixed in d else d for d in defects]
    registry = folder / "known.toml"
    registry.write_text("[[defect]]".join(kept), encoding="utf-8")
    assert [d.name for d in load(registry)] == [d.name for d in load(SHIPPED)]
    assert not [d.name for d in load(registry) if d.shows and {"crashed", "wrong"} <= {*d.verdicts}]
    return registry


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


def test_one_worker_or_two_give_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("torch.nn.functional:conv2d", "--known", str(without_damage(tmp_path)), "--seed", "7")
    one, two = (lines(capsys, *words, "--workers", count) for count in "12")

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
