"""A certificate as a report, which every format can write."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch

from conv_reference.verification.model.case import DTYPES
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.model.result import CheckResult, Finding, Report, Verdict
from conv_reference.verification.step.certificate import (
    SCOPE,
    Certificate,
    Row,
    Seen,
    missed,
    not_exact,
    titled,
    unjudged,
    unplaced,
    when,
)


def as_report(
    certificate: Certificate,
    *,
    target: str,
    environment: Mapping[str, str],
    seed: int,
    reproduce: str,
    seconds: float = 0.0,
    apart: bool = False,
) -> Report:
    """Each quantity of each convolution is a check; what is wrong in it is a finding.

    Args:
        certificate: of the steps.
        target: the network's name.
        environment: what the result depends on.
        seed: of the run.
        reproduce: the command that shows it again.
        seconds: that it took.
        apart: whether the answers in place and over integers are checks of their own, as a gate
            compares them.
    """
    judged = sum(row.judged for row in certificate.rows)
    return Report(
        target=target,
        environment=dict(environment),
        seed=seed,
        require=Verdict.ROUNDED,
        planned=judged,
        judged=judged,
        checks=tuple(
            check
            for title, row in titled(certificate.rows)
            for name, seen in row.quantities.items()
            for check in (_apart if apart else _together)(f"{title} {name}", row, seen)
        ),
        findings=tuple(_findings(certificate, seed, reproduce, apart=apart)),
        notes=tuple(_notes(certificate)),
        seconds=seconds,
        certified=certificate.headline,
    )


_IN_PLACE, _OVER_INTEGERS = "in place", "over integers"


def _together(name: str, row: Row, seen: Seen) -> Iterator[CheckResult]:
    """Both answers as one check."""
    bound = "componentwise" if seen.replayed == Verdict.EXACT else "normwise"
    yield _check(name, row, seen.verdict, seen.bits, bound, seen.miss_bound)


def _apart(name: str, row: Row, seen: Seen) -> Iterator[CheckResult]:
    """A check for each answer that was asked for.

    In place the bits are those of one worst element, which other weights shift by two and more: as
    many as rounding leaves anyhow are not distinguished from more.
    """
    if seen.in_place != Verdict.UNSUPPORTED:
        usual = -math.log2(torch.finfo(DTYPES[row.dtype]).eps) - 1
        bits = min(seen.bits_in_place, usual) if math.isfinite(seen.bits_in_place) else math.inf
        yield _check(f"{name} {_IN_PLACE}", row, seen.in_place, bits, None)
    if seen.replayed != Verdict.UNSUPPORTED:
        title = f"{name} {_OVER_INTEGERS}"
        yield _check(title, row, seen.replayed, seen.bits_replayed, None, seen.miss_bound)


def _check(
    name: str,
    row: Row,
    verdict: Verdict,
    bits: float,
    bound: str | None,
    miss_bound: float | None = None,
) -> CheckResult:
    return CheckResult(
        name=name,
        dtype=row.dtype,
        verdict=verdict,
        geometries=1,
        effective_bits=None if math.isinf(bits) else bits,
        miss_bound=miss_bound,
        cases=row.judged,
        bound=bound,
        real=True,
    )


def _findings(
    certificate: Certificate, seed: int, reproduce: str, *, apart: bool
) -> Iterator[Finding]:
    for title, row in titled(certificate.rows):
        for name, seen in row.quantities.items():
            if seen.finding:
                answer = f" {_OVER_INTEGERS if seen.is_of_replay else _IN_PLACE}" if apart else ""
                yield Finding(
                    check=f"{title} {name}{answer}",
                    dtype=row.dtype,
                    verdict=Verdict.WRONG,
                    quantity=name,
                    geometry=str(row.geometry),
                    layout=f"in {row.name}",
                    seed=seed,
                    index=seen.index,
                    expected=seen.expected,
                    actual=seen.actual,
                    explanation=seen.finding.in_lines,
                    seen=seen.finding.name,
                    circumstances=when(seen).capitalize(),
                    occurrences=max(1, len(seen.wrong)),
                    reproduce=reproduce,
                )


def _notes(certificate: Certificate) -> Iterator[Note]:
    limits = [
        seen.limit
        for row in certificate.rows
        for seen in row.quantities.values()
        if seen.limit and math.isfinite(seen.limit)
    ]
    if limits:
        middle = sorted(limits)[len(limits) // 2]
        yield Note(
            NoteKind.OBSERVED,
            "the smallest error of one element that would be reported is, relative to the greatest "
            f"element, {middle:.0e} in the median of what was judged, {max(limits):.0e} at most",
        )
    every = [seen for row in certificate.rows for seen in row.quantities.values()]
    lines = (*unplaced(certificate.rows), *missed(every), *not_exact(certificate))
    yield from (Note(NoteKind.OBSERVED, line) for line in lines)
    yield Note(NoteKind.NOT_CHECKED, SCOPE)
    yield from (Note(NoteKind.NOT_CHECKED, line) for line in unjudged(certificate))
    yield Note(NoteKind.NOT_CHECKED, "not judged: what compiled code does by kernels of its own")
