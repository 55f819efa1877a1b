"""How much is run once more to find what failures follow from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from benches import NothingKnown

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.grouping.origins import sorted_out
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import Verdict


class _Explaining(NothingKnown):
    """The failure's own certificate explains what fails on an image of one row, and no other."""

    is_over = False

    def __init__(self) -> None:
        self.plain: list[Case] = []

    def own_certificates_of(self, failure: Failure) -> list[Case]:
        return [replace(failure.case, check="certificate")]

    def plain_certificates_of(self, failure: Failure) -> list[Case]:
        self.plain.append(failure.case)
        return []

    def ask(self, *_: object) -> dict[Case, object]:
        return {}

    def recast(self, case: Case, check: str) -> Case:
        return replace(case, check=check)

    def failures_on(self, cases: Iterable[Case], further: int = 0) -> dict[Case, list[Failure]]:
        wrong = Judgement("forward", "Y", Verdict.WRONG)
        return {case: [Failure(case, wrong)] * (case.geometry.input_size[0] == 1) for case in cases}


def test_plain_certificates_are_run_where_a_failures_own_explain_nothing() -> None:
    """Of a target with many failing cases they were most of what was run once more."""
    bench = _Explaining()
    law = Judgement("additivity", "Y", Verdict.WRONG)
    cases = [Case.parse(f"additivity float32 h{h} w2 k1") for h in (1, 2)]
    groups, _ = sorted_out([Failure(case, law) for case in cases], cast("Bench", bench))
    assert [kind.row for kind in groups] == ["forward", "additivity"]
    assert bench.plain == [cases[1]]
