"""A failure as a finding: what it says."""

from __future__ import annotations

from conv_reference.quantities import LETTERS
from conv_reference.verification.checks import Reported
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.explaining import reproduce
from conv_reference.verification.diagnosis.explaining.explain import Explanation
from conv_reference.verification.diagnosis.explaining.snippet import snippet
from conv_reference.verification.diagnosis.kinds import has_own_sizes, row_of
from conv_reference.verification.known.relayed import as_passed_on
from conv_reference.verification.model.case import dtype_name
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import Finding, Verdict
from conv_reference.verification.target.operators import arguments


def finding_of(
    failure: Failure, explanation: Explanation, bench: Bench, *, known: str, in_process: bool
) -> Finding:
    """One failure, as a report shows it.

    Args:
        failure: on the case that is shown.
        explanation: formulas beside formulas, where there are any.
        bench: with the settings of the run.
        known: the name of the known defect that it is, or empty.
        in_process: whether the target was called where ``verify`` was.
    """
    case, judgement = failure.case, failure.judgement
    lines = (
        _record(known, bench),
        *judgement.lines,
        "" if judgement.crash is None else judgement.crash.again,
        _made(failure),
        _own_sizes(failure, bench),
        _where(failure),
        _assumed(failure, bench),
        explanation.text,
    )
    return Finding(
        check=judgement.check,
        dtype=dtype_name(case.dtype),
        verdict=judgement.verdict,
        quantity=judgement.quantity,
        geometry=str(case.geometry),
        layout=case.shown_layout,
        seed=bench.settings.seed,
        index=judgement.index,
        expected=judgement.expected,
        actual=judgement.actual,
        explanation="\n".join(filter(None, lines)),
        seen=next(filter(None, lines), ""),
        of_numbers=_is_of_numbers(judgement) and not _made(failure),
        reproduce=reproduce.of_case(
            case, judgement.check, bench, in_process=in_process, setting=judgement.setting
        ),
        known=known or None,
        case=str(case),
        snippet=snippet(
            bench.target,
            case,
            judgement,
            bench.settings,
            reproduce.keywords(case, judgement.check, bench),
        ),
        cause=explanation.cause,
        grids=explanation.grids,
        picture=explanation.picture,
        timed_out=judgement.crash is not None and judgement.crash.hung,
    )


def _is_of_numbers(judgement: Judgement) -> bool:
    """Whether a derivation shows what should be: of a raise, a graph or the memory it does not."""
    if judgement.verdict != Verdict.WRONG or judgement.lacks_gradient:
        return False
    of_shape = judgement.of_another_kind or row_of(judgement).reported == Reported.SHAPE
    return judgement.of_numbers or of_shape


def _made(failure: Failure) -> str:
    """On which sizes it fails, where the check has made others of those that are shown."""
    made, judgement = failure.judgement.case, failure.judgement
    if made is None or judgement.crash is not None or made.geometry == failure.case.geometry:
        return ""
    return f"The call that fails is on {made.geometry}, which the check makes of the case."


def _own_sizes(failure: Failure, bench: Bench) -> str:
    """What the target is called with, where the geometry is not its own."""
    target, geometry = bench.target, failure.case.geometry
    if not target.operator.meaning:
        return ""
    options = arguments(
        target.operator, geometry, line=target.is_line, sides=target.offer is not None
    )
    given = {LETTERS[role]: target.own_shape(role, geometry) for role in ("input", "weight")} | {
        name: value for name, value in options.items() if name in target.options
    }
    return f"Called with {', '.join(f'{name} {value}' for name, value in given.items())}."


def _record(known: str, bench: Bench) -> str:
    """What the registry says of a known defect."""
    every = (*bench.defects, *map(as_passed_on, bench.torchs))
    defect = next((defect for defect in every if defect.name == known), None)
    return "" if defect is None else f"{defect.summary} (see {defect.link})"


def _assumed(failure: Failure, bench: Bench) -> str:
    """Where a shape is wrong, what was taken for granted may be."""
    assumed = bench.target.assumptions
    if not assumed or row_of(failure.judgement).reported != Reported.SHAPE:
        return ""
    return f"The layer does not tell its own; assumed: {assumed}."


def _where(failure: Failure) -> str:
    """At what the process died, where the case does not show it."""
    if failure.judgement.verdict != Verdict.CRASHED:
        return ""
    if failure.judgement.case is not None:
        said = f"The last that it was asked for: {failure.judgement.case.question}."
        crash = failure.judgement.crash
        # Who is late, or leaves by a call, does so at what it is asked.
        is_killed = crash is None or not (crash.hung or crash.left)
        return f"{said} Damage by an earlier call may show late." if is_killed else said
    if has_own_sizes(failure):
        return "While the check tried sizes of its own, not that one."
    return ""
