from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from conv_reference.verification import verify
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.known.known import SHIPPED, Defect, load
from conv_reference.verification.known.provoke import provoke
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.plan.request import Request
from conv_reference.verification.running.elsewhere import LEVEL, put_elsewhere
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.work.here import Here

CASE = Case.parse("certificate float32 n2 c1 h2 w3 o1 k1x2 values=counting grad= nobias")
OTHER = Case.parse("certificate float32 n1 c1 h2 w3 o1 k1x2 values=counting grad= nobias")
SETTINGS = Settings(seed=0, device="cpu")
CRASH = Defect(
    name="two samples",
    summary="The process dies.",
    link="docs/found/a.md",
    date="2026-11-27",
    targets=("",),
    quantities=("Y",),
    verdicts=("crashed",),
    harmless_at="AVX2",
    geometry="n == 2",
)
KNOWN = "in which two samples, a known defect (docs/found/a.md), may crash"


class Elsewhere(Here):
    """A place whose others are in this process, too, and remember how they were set."""

    def __init__(self, implementation: Any, answer: Any = None) -> None:
        super().__init__(as_target(implementation))
        self.answer = answer
        self.set: list[dict[str, str]] = []

    def under(self, environment: Any) -> Any:
        self.set.append(dict(environment))
        return self

    def run(
        self, function: Any, items: Any, argument: Any, **options: Any
    ) -> Generator[tuple[int, Any], None, None]:
        if self.answer is not None:
            yield from ((number, self.answer) for number in range(len(items)))
        else:
            yield from super().run(function, items, argument, **options)


def doubled(input: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return 2 * torch.nn.functional.conv2d(input, weight)


def test_what_a_known_crash_would_take_is_tried_where_it_does_not_crash() -> None:
    place = Elsewhere(torch.nn.functional.conv2d)
    found = put_elsewhere([(CRASH, CASE)], place, SETTINGS)

    assert place.set == [{LEVEL: "AVX2"}]
    assert found.results == ((CASE, judge_case(place.target, CASE, SETTINGS)),)
    assert [str(note) for note in found.notes] == [
        f"1 case {KNOWN} was tried with {LEVEL}=AVX2, at which it does not"
    ]


def test_what_fails_there_says_where() -> None:
    ((_, judged),) = put_elsewhere([(CRASH, CASE)], Elsewhere(doubled), SETTINGS).results
    (failed,) = [j for j in judged if j.verdict == Verdict.WRONG]

    assert failed.setting == f"{LEVEL}=AVX2"
    assert failed.explanation.startswith(f"with {LEVEL}=AVX2: ")
    assert not any(j.setting for j in judged if j is not failed)


def test_a_crash_there_is_one() -> None:
    place = Elsewhere(doubled, Crash("killed by SIGSEGV"))
    ((_, (judgement,)),) = put_elsewhere([(CRASH, CASE)], place, SETTINGS).results

    assert (judgement.verdict, judgement.setting) == (Verdict.CRASHED, f"{LEVEL}=AVX2")


@pytest.mark.parametrize("place", [None, Here(as_target(doubled))], ids=["cut", "in process"])
def test_where_there_is_no_place_it_is_not_tried(place: Any) -> None:
    found = put_elsewhere([(CRASH, CASE), (CRASH, OTHER)], place, SETTINGS)

    assert found.results == ()
    assert [str(note) for note in found.notes] == [f"not tried: 2 cases {KNOWN}"]


def test_a_crash_that_no_level_avoids_is_not_tried() -> None:
    place = Elsewhere(doubled)
    found = put_elsewhere([(replace(CRASH, harmless_at=""), CASE)], place, SETTINGS)

    assert (place.set, found.results) == ([], ())
    assert [str(note) for note in found.notes] == [f"not tried: 1 case {KNOWN}"]


def test_known_crashes_of_torch_but_for_amx_name_a_level() -> None:
    lacking = {d.name for d in load(SHIPPED) if d.torch and d.crashes and not d.harmless_at}
    assert all("-amx-" in name for name in lacking)


REGISTRY = """
[[defect]]
name = "two samples"
summary = "The process dies."
link = "docs/found/a.md"
date = "2026-11-27"
targets = ["direct:"]
quantities = ["Y"]
verdicts = ["crashed"]
harmless_at = "AVX2"
geometry = "n == 2"
"""


@pytest.mark.slow
def test_in_a_run_what_is_wrong_there_alone_is_the_targets(tmp_path: Path) -> None:
    (path := tmp_path / "known.toml").write_text(REGISTRY.replace("direct:", "levels:"))
    said: list[tuple[int, int]] = []
    report = verify(
        "levels:wrong_below",
        isolate=True,
        workers=1,
        dtypes="float32",
        checks="certificate",
        cases=40,
        known=path,
        seed=0,
        progress=lambda done, planned: said.append((done, planned)),
    )
    assert said[0] == (0, report.planned)  # those that are tried there among them
    assert report.judged == report.planned
    found = {(finding.check, finding.quantity, finding.known) for finding in report.findings}

    assert ("forward", "Y", None) in found
    assert {known for _, _, known in found} == {None}
    assert not report.passed
    assert f"with {LEVEL}=AVX2: " in report.findings[0].explanation
    assert report.findings[0].reproduce.startswith(f"{LEVEL}=AVX2 conv-reference verify ")
    assert any(str(note).endswith("at which it does not") for note in report.notes)


def test_provoke_spares_what_would_crash() -> None:
    wanted = Request((torch.float32,), seed=0, budget=1.0)
    provoked = provoke((CASE, OTHER), [CRASH], as_target(doubled), wanted, isolated=True)
    assert (provoked.cases, provoked.spared) == ((OTHER,), ((CRASH, CASE),))
