"""A certificate as a report, which every format can write."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.model.result import CheckResult, Finding, Report, Verdict
from conv_reference.verification.step.certificate import Certificate, Row, Seen


def as_report(
    certificate: Certificate,
    *,
    target: str,
    environment: Mapping[str, str],
    seed: int,
    reproduce: str,
    seconds: float = 0.0,
) -> Report:
    """Each quantity of each convolution is a check; what is wrong in it is a finding.

    Args:
        certificate: of the steps.
        target: the network's name.
        environment: what the result depends on.
        seed: of the run.
        reproduce: the command that shows it again.
        seconds: that it took.
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
            _check(row, name, seen)
            for row in certificate.rows
            for name, seen in row.quantities.items()
        ),
        findings=tuple(_findings(certificate, seed, reproduce)),
        notes=tuple(_notes(certificate)),
        seconds=seconds,
    )


def _check(row: Row, name: str, seen: Seen) -> CheckResult:
    bits = None if math.isinf(seen.bits) else seen.bits
    return CheckResult(
        name=f"{row.name} {name}",
        dtype=row.dtype,
        verdict=seen.verdict,
        geometries=1,
        effective_bits=bits,
        miss_bound=None,
        cases=row.judged,
        bound="componentwise" if seen.replayed == Verdict.EXACT else "normwise",
        real=True,
    )


def _findings(certificate: Certificate, seed: int, reproduce: str) -> Iterator[Finding]:
    for row in certificate.rows:
        for name, seen in row.quantities.items():
            if seen.finding:
                yield Finding(
                    check=f"{row.name} {name}",
                    dtype=row.dtype,
                    verdict=Verdict.WRONG,
                    quantity=name,
                    geometry=str(row.geometry),
                    layout="as in the step",
                    seed=seed,
                    index=seen.index,
                    expected=seen.expected,
                    actual=seen.actual,
                    explanation=seen.finding,
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
    for reason, number in certificate.not_judged.most_common():
        yield Note(NoteKind.NOT_CHECKED, f"not judged: {number} × {reason}")
    yield Note(NoteKind.NOT_CHECKED, "not judged: what runs within a compiled region")
