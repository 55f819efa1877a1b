"""One planted fault put to the cases of a default run, up to the first finding; then explained."""

from __future__ import annotations

import time
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from math import prod

from conv_reference.geometry import Geometry
from conv_reference.verification.detection.naming import named
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.faults.planting import Mutant
from conv_reference.verification.faults.sound.collection import SOUND
from conv_reference.verification.model.case import DTYPES, Case, dtype_name
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import FAILURES, FOUND, Finding, Verdict
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.runner import verify
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.target import Target

SOUND_PLACE = "conv_reference.verification.faults.sound.collection"
EXPLAINED_BY = 1_500  # cases of the check that found it, from which the finding is worded


@dataclass(frozen=True)
class Found:
    """How a fault was found."""

    check: str  # the row of the report
    quantity: str
    dtype: str
    cases: int  # judged in the plan's order up to and with the first that shows it
    seconds: float  # of the processor's time, for them
    case: str  # the first that shows it
    geometry: str = ""  # of the reduced case
    layout: str = ""
    products: int = 0  # of the reduced case
    cause: str = ""  # the guess, worded as one
    circumstances: str = ""  # what the failing cases have in common
    named: str = ""  # whether those words name the guard: yes, partly, no


@dataclass(frozen=True)
class Outcome:
    """What came of one fault in one seed."""

    name: str
    fault_class: str
    kind: str
    quantity: str
    guard: str
    thread: str
    blind: int
    seed: int
    planned: int
    seconds: float  # of the processor's time, all in all
    found: Found | None = None
    failed: str = ""  # in one line why it could not be measured; then nothing else is known of it
    operator: str = "conv2d"  # in which it is planted
    observed: str = ""  # the observation that is made of it, where it is not found


@dataclass(frozen=True)
class Alarm:
    """What came of one sound convolution."""

    name: str
    cases: int
    seconds: float  # of the processor's time
    check: str = ""  # of the first false alarm; empty where there is none
    case: str = ""
    explanation: str = ""
    failed: str = ""  # as of an outcome

    @property
    def said(self) -> str:
        """In one line."""
        if self.failed:
            return f"NOT MEASURED: {self.failed}"
        if not self.check:
            return f"no alarm in {self.cases} cases, {self.seconds:.1f} s"
        return f"FALSE ALARM by {self.check}: {self.case}: {self.explanation}"


def listen(name: str, seed: int, cases: int) -> Alarm:
    """A sound convolution, put to about so many cases of a run that is as large."""
    begun = time.process_time()
    target = as_target(SOUND[name], name=f"{SOUND_PLACE}:{name}")
    request = Request(dtypes=tuple(DTYPES.values()), seed=seed, cases=cases)
    chosen = plan(target, request).cases
    for _, case, wrong in failures(target, chosen, seed, FAILURES):
        seconds = time.process_time() - begun
        return Alarm(name, len(chosen), seconds, wrong.check, str(case), wrong.explanation)
    return Alarm(name, len(chosen), time.process_time() - begun)


def put(mutant: Mutant, seed: int, *, explained: bool = True) -> Outcome:
    """The fault, put to a default run's cases in their order.

    Some faults keep a state, and one moves the memory: a process of its own is for each.
    """
    begun = time.process_time()
    target = as_target(mutant.function, name=mutant.target, operator=mutant.asked)
    cases = planned(target, seed)
    found = first_found(target, cases, seed)
    if found is not None and explained:
        found = _explained(mutant, found, seed)
    observed = found is None and _is_observed(mutant.observed, target, cases, seed)
    return replace(
        nothing_of(mutant, seed),
        planned=len(cases),
        seconds=time.process_time() - begun,
        found=found,
        observed=mutant.observed if observed else "",
    )


def _is_observed(said: str, target: Target, cases: tuple[Case, ...], seed: int) -> bool:
    """Whether a report has this observation; not asked where it is empty."""
    if not said:
        return False
    judged = failures(target, cases, seed, {Verdict.EXACT})
    return any(judgement.observed == said for _, _, judgement in judged)


def nothing_of(mutant: Mutant, seed: int, failed: str = "") -> Outcome:
    """What stands for a fault of which nothing was measured."""
    return Outcome(
        mutant.name, mutant.fault_class, mutant.kind, mutant.quantity, mutant.guard,
        mutant.thread, mutant.blind, seed, planned=0, seconds=0.0, failed=failed,
        operator=mutant.operator,
    )  # fmt: skip


def planned(target: Target, seed: int) -> tuple[Case, ...]:
    """The cases of a default run."""
    return plan(target, Request(dtypes=tuple(DTYPES.values()), seed=seed)).cases


def failures(
    target: Target, cases: tuple[Case, ...], seed: int, verdicts: Set[Verdict]
) -> Iterator[tuple[int, Case, Judgement]]:
    """What has one of the verdicts, with the number of cases judged by then."""
    settings = Settings(seed=seed, device="cpu", brief=True)
    for number, case in enumerate(cases, start=1):
        for judgement in judge_case(target, case, settings):
            if judgement.verdict in verdicts:
                yield number, case, judgement


def first_found(target: Target, cases: tuple[Case, ...], seed: int) -> Found | None:
    """The first failure, without its explanation."""
    begun = time.process_time()
    for number, case, judgement in failures(target, cases, seed, FOUND):
        seconds = time.process_time() - begun
        dtype = dtype_name(case.dtype)
        return Found(judgement.check, judgement.quantity, dtype, number, seconds, str(case))
    return None


def _explained(mutant: Mutant, found: Found, seed: int) -> Found:
    """What a run of the check that found it says; nothing where there it does not show."""
    report = verify(
        mutant.function,
        operator=mutant.asked,
        seed=seed,
        cases=EXPLAINED_BY,
        checks=[Case.parse(found.case).check],
        dtypes=list(DTYPES),
        known=None,
    )
    finding = _meant(report.findings, found)
    if finding is None:
        return found
    geometry = Case.parse(finding.case).geometry if finding.case else None
    return replace(
        found,
        geometry=finding.geometry,
        layout=finding.layout,
        products=0 if geometry is None else _products(geometry),
        cause=finding.cause,
        circumstances=finding.circumstances,
        named=named(mutant.about, _words(finding, report.findings)),
    )


def _words(finding: Finding, every: tuple[Finding, ...]) -> str:
    """What a person reads above the formulas: where, under which check, and its first line.

    Its numbers are of one draw, and the formulas name each operand: neither names a guard. What is
    answered though it describes no convolution is reported in words alone.
    """
    permissive = finding.verdict == Verdict.PERMISSIVE
    first = finding.explanation if permissive else finding.seen
    dtypes = {other.dtype for other in every if other.fault == finding.fault and not other.follows}
    said = (finding.cause, finding.circumstances, finding.layout, first, finding.check)
    return " ".join((*said, *sorted(dtypes)))


def _meant(findings: tuple[Finding, ...], found: Found) -> Finding | None:
    """The first finding about the same quantity, else the first."""
    same = [finding for finding in findings if finding.quantity == found.quantity]
    return next(iter((*same, *findings)), None)


def _products(geometry: Geometry) -> int:
    return prod((*geometry.weight_shape, *geometry.output_size, geometry.batch))
