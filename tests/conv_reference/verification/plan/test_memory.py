from __future__ import annotations

from pathlib import Path

import torch

from conv_reference.verification import Case, as_target
from conv_reference.verification.plan.memory import Memory

FIRST = Case.parse("certificate float32 h2 w3 k1x2 X=sliced")
SECOND = Case.parse("certificate float64 h1 w1 k1 s2 nobias grad=XK")


def test_what_failed_is_recalled_until_it_passes(tmp_path: Path) -> None:
    target = as_target(torch.nn.functional.conv2d)
    memory = Memory(tmp_path)
    assert memory.recall(target) == []

    memory.update(target, [str(FIRST), str(SECOND)], ())
    assert Memory(tmp_path).recall(target) == [FIRST, SECOND]

    memory.update(target, [str(SECOND)], [FIRST, SECOND])
    assert Memory(tmp_path).recall(target) == [SECOND]


def test_targets_do_not_share_what_they_remember(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.update(as_target(torch.nn.functional.conv2d), [str(FIRST)], ())
    assert memory.recall(as_target(torch.nn.Conv2d)) == []


def test_a_case_that_the_target_can_no_longer_be_asked_for_is_passed_over(tmp_path: Path) -> None:
    def conv2d(input: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv2d(input, weight)

    target = as_target(conv2d, name="made up")
    strided = Case.parse("certificate float64 h3 w3 k1 s2 nobias grad=XK")
    plain = Case.parse("certificate float64 h3 w3 k1 nobias grad=XK")
    Memory(tmp_path).update(target, [str(strided), str(plain), "of another version"], ())
    assert Memory(tmp_path).recall(target) == [plain]


def test_without_a_folder_nothing_is_remembered() -> None:
    memory, target = Memory(None), as_target(torch.nn.functional.conv2d)
    memory.update(target, [str(FIRST)], ())
    assert memory.recall(target) == []


def test_a_folder_that_cannot_be_written_is_said_and_loses_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    target = as_target(torch.nn.functional.conv2d)
    memory = Memory(tmp_path / "file" / "examples")

    assert memory.recall(target) == []
    lost = memory.update(target, [str(FIRST)], ())
    assert lost is not None
    assert str(lost).startswith("failing cases are not remembered: ")
    assert Memory(tmp_path / "other").update(target, [str(FIRST)], ()) is None
