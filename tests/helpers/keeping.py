"""A user's file that keeps something between calls, and how it fails."""

from __future__ import annotations

import math
from pathlib import Path

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.grouping.group import Group, Groups
from conv_reference.verification.diagnosis.kinds import kind_of
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.work.here import Here


def bench_of(tmp_path: Path, source: str) -> Bench:
    """On a target of that source."""
    tmp_path.mkdir(exist_ok=True)
    file = tmp_path / "kept_by_a_user.py"
    file.write_text(source)
    target = load_target(f"{file}:conv2d")
    return Bench(target, Here(target), Settings(seed=1, device="cpu"), (), (), math.inf)


def failing(bench: Bench, texts: tuple[str, ...]) -> Groups:
    """How the cases fail, one after another, each kind with the rows that fail because of it."""
    groups: Groups = {}
    for text in texts:
        for failure in bench.failures_on([bench.target.restrict(Case.parse(text))]).popitem()[1]:
            groups.setdefault(kind_of(failure), Group()).failures.append(failure)
    return groups
