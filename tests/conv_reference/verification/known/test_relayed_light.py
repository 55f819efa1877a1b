"""On which case a target is watched for torch's operations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch.nn.functional import conv2d

from conv_reference.verification.execution import Settings
from conv_reference.verification.known.known import load
from conv_reference.verification.known.relayed import PassedOn, relayed
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.work.here import Here

HEAVY = "certificate float32 n1 c1 h200 w201 o1 k1x2 values=counting grad=XK nobias"
REGISTRY = f"""
[[defect]]
name = "flipped"
summary = "The kernel is flipped."
link = "docs/found/flipped.md"
date = "2026-11-26"
targets = ["torch.nn.functional:conv2d"]
quantities = ["Y", "dX", "dK"]
geometry = "kw == 2"
shows = ["{HEAVY}"]
"""


class Hearing(Here):
    """Notes on which cases a target is watched."""

    heard: tuple[Any, ...] = ()

    def run(self, function: Any, items: Any, *others: Any, **named: Any) -> Any:
        self.heard = tuple(items)
        return super().run(function, items, *others, **named)


@pytest.mark.parametrize(("others", "watched"), [((), "h200 w201"), (("h1 w3",), "h1 w3")])
def test_a_target_is_watched_on_a_light_case_where_there_is_one(
    others: tuple[str, ...], watched: str, tmp_path: Path
) -> None:
    """A loop in Python takes minutes over the heavy case in which a defect shows."""
    file = tmp_path / "known.toml"
    file.write_text(REGISTRY)
    target = as_target(conv2d)
    hearing = Hearing(target)
    cases = [Case.parse(HEAVY.replace("h200 w201", sizes)) for sizes in others]

    relayed(target, load(file), cases, hearing, Settings(seed=0, device="cpu"))

    assert [watched in str(case) for case in hearing.heard] == [True]


def test_what_is_not_reached_in_time_is_counted_and_of_one_case_all_is_asked_at_once(
    tmp_path: Path,
) -> None:
    file = tmp_path / "known.toml"
    file.write_text(REGISTRY + REGISTRY.replace('"flipped"', '"again"'))
    target = as_target(conv2d)
    defects, settings = load(file), Settings(seed=0, device="cpu")
    hearing = Hearing(target)
    case = Case.parse(HEAVY.replace("h200 w201", "h1 w3"))

    found = relayed(target, defects, [case], hearing, settings)
    assert len(hearing.heard) == 1
    assert [defect.name for defect in found.defects] == ["flipped", "again"]
    assert (found.watched, found.missed) == (2, 0)

    late = relayed(target, defects, [case], hearing, settings, deadline=0.0)
    assert late == PassedOn(watched=0, missed=2)
