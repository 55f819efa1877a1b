"""What a report says besides its verdicts: what was taken for granted, and what was not tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from typing import Any

import torch

from conv_reference.quantities import GRADIENTS, OPTIONS, QUANTITIES
from conv_reference.verification.checks import Check, Reported, Row, certifying
from conv_reference.verification.model.case import DTYPES, Case, Layout, dtype_name
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.plan.covering import Covering
from conv_reference.verification.plan.ever import Ever
from conv_reference.verification.plan.request import Request, Sweep
from conv_reference.verification.reading import catalogue
from conv_reference.verification.target.target import Target


def inapplicable(checks: Iterable[Check], dtypes: Sequence[torch.dtype]) -> Iterator[Note]:
    """What is reported of checks that apply to none of the dtypes of a run."""
    for check in checks:
        if not any(map(check.applies, dtypes)):
            said = f"not asked: {check.name}, which applies to {check.limits}"
            yield Note(NoteKind.NOT_ASKED, said)


def assumed(target: Target) -> Iterator[Note]:
    """What is taken for granted: where it is otherwise, all looks wrong, or less is tried."""
    if target.operator.meaning:
        said = f"judged as {target.operator.name}: {target.operator.meaning}"
        yield Note(NoteKind.ASSUMED, said)
    if target.assumed:
        said = f"assumed, for the layer does not say: {target.assumptions}"
        yield Note(NoteKind.ASSUMED, said)
    if target.always_biased and not (target.is_module or target.holds_kernel):
        said = "a bias is always given, for its signature demands one, and without one it raises"
        yield Note(NoteKind.ASSUMED, said)
    if target.unsettled:
        yield Note(NoteKind.ASSUMED, target.unsettled)
    if target.foreign:
        has_bias = "bias" in target.options or target.always_biased
        no_bias = "" if has_bias else "; and no bias was asked for"
        names = ", ".join(target.foreign)
        named = f"{target.operator.name} has no parameter of this name: {names}{no_bias}"
        said = f"left at its default, for {named}"
        yield Note(NoteKind.ASSUMED, said)
    own = target.own
    if own is not None and own.batch < target.own_batch:
        cut = f"of its own batch of {target.own_batch} no more than {own.batch}"
        said = f"not asked: {cut}, which is what a processor can be asked for"
        yield Note(NoteKind.NOT_ASKED, said)


def unoffered(target: Target) -> Iterator[Note]:
    """What an adapter does not offer of what others are tried in: a cell that stays empty."""
    offer = target.offer
    if offer is None:
        return
    lacking = {
        "dtypes": [dtype for dtype in DTYPES if dtype not in offer.dtypes],
        "options": [option for option in OPTIONS if option not in target.options],
        "layouts": [layout.value for layout in Layout if layout not in offer.layouts],
    }
    if "padding" in target.options and not target.sides:
        lacking["padding"] = ["that differs between opposite sides"]
    for what, names in lacking.items():
        if names:
            said = f"not asked, for the adapter of {offer.framework} does not offer it"
            yield Note(NoteKind.NOT_ASKED, f"{said}: {what} {', '.join(names)}")


def unseen(
    checks: Sequence[Check],
    rows: Set[str],
    seen: Set[str],
    tried: Sequence[Case],
    target: Target,
    ended: Set[str] = frozenset(),
) -> Iterator[Note]:
    """The rows of which nothing was seen, and why.

    Either no case had anything to check (group decomposition where none has groups), or what came
    before ended each of them: where Y or a gradient has a wrong shape, its numbers are not read.

    Args:
        checks: that were put.
        rows: that are reported.
        seen: those of which something was.
        tried: the cases that have a result.
        target: that they were put to: of a row's own sizes it may have none.
        ended: rows that failed or were refused, in whichever case.
    """
    by_check: dict[str, list[Case]] = {}
    for case in tried:
        by_check.setdefault(case.check, []).append(case)
    # Where Y asks for no gradient, what needs one is never reached.
    graphs = {row.name for check in checks for row in check.rows if row.reported == Reported.GRAPH}
    never: list[str] = []
    lacking: list[str] = []
    kept: list[str] = []
    graphless: list[str] = []
    for check in checks:
        cases = by_check.get(check.name, ())
        quiet = [r for r in check.rows if r.name in rows and r.name not in seen and r.repeatable]
        if not cases:
            continue
        for row in quiet:
            of_gradients = check.gradient or row.quantity in GRADIENTS
            stopped = any(each.name in ended for each in check.rows)
            stopped = stopped or (of_gradients and bool(graphs & ended))
            asked = stopped and any(_asks_for(row, case) for case in cases)
            if target.over_arrays and row.reported == Reported.GRAPH:
                graphless.append(row.name)
            elif not _can_be_asked(row, target):
                never.append(row.name)
            else:
                (kept if asked else lacking).append(row.name)
    earlier = "not judged, for their cases failed, or were refused, at an earlier step"
    for names, why in (
        (graphless, "not asked, for torch's graph has no part in its gradients"),
        (never, "not asked, for the target has no such sizes, or no bias"),
        (lacking, "not asked, for no case of this run has what it takes"),
        (kept, earlier),
    ):
        if names:
            yield Note(NoteKind.NOT_ASKED, f"{why}: {', '.join(names)}")


def _can_be_asked(row: Row, target: Target) -> bool:
    """Whether the target has the sizes, or the bias, that the row is about."""
    has_bias = "bias" in target.options or target.always_biased
    has_sizes = not row.own or bool(row.asked_of(target))
    return has_sizes and (has_bias or not _needs_bias(row))


def _asks_for(row: Row, case: Case) -> bool:
    """Whether the case computes the row's quantity of the first order; for any other all do."""
    return _leaf(row) in case.requires_grad and (case.bias or not _needs_bias(row))


def _needs_bias(row: Row) -> bool:
    return row.of_bias or _leaf(row) == "b"


def _leaf(row: Row) -> str:
    return QUANTITIES[row.quantity].leaf if row.quantity else ""


def unswept(wanted: Request, checks: Sequence[Check]) -> Iterator[Note]:
    """What a sweep leaves out that a default run tries."""
    others = [check.name for check in checks if check != certifying()]
    if wanted.sweep != Sweep.DEFAULT and not wanted.is_single and others:
        left = f"not asked: {len(others)} other checks"
        alone = f"puts the check {certifying().name} alone (a call, forward and backward)"
        said = f"{left}, for the sweep {wanted.sweep} {alone}"
        yield Note(NoteKind.NOT_ASKED, said)


def ever(
    before: Ever, covering: Covering | None, results: Sequence[tuple[Case, Any]]
) -> Iterator[Note]:
    """How much of the space was judged of this version of the target, in all runs of a store.

    Args:
        before: what had been before this run.
        covering: of this run.
        results: of its cases.
    """
    certified, certificate = set(before.certified), certifying().name
    certified |= {
        (str(case.geometry), dtype_name(case.dtype))
        for case, _ in results
        if case.check == certificate
    }
    runs = before.runs + 1
    said = (
        f"ever judged of this version of the target, in {runs} run{'s' * (runs > 1)} of the store: "
        f"{len({geometry for geometry, _ in certified}):,} geometries, "
        f"{len(certified):,} with their dtypes"
    )
    if covering is not None:
        met = covering.coverage({case for case, _ in results}, before.rows)
        pairs = f"of two at a time {met.pairs:,} of {met.possible_pairs:,}"
        triples = f"of three {met.triples:,} of {met.possible_triples:,}"
        said += (
            f"; of combinations of sizes, options, layouts, dtypes and the like {pairs}, {triples}"
        )
    yield Note(NoteKind.EVER, said)


_MOST_LEFT_OUT = 8  # names; of more the number is reported


def _left_out(asked: Sequence[str]) -> list[str]:
    """The rows that are not requested."""
    return sorted(
        entry.name
        for entry in catalogue.entries()
        if (not {entry.name, entry.check} & {*asked} if asked else entry.on_request)
    )


def unrequested(
    wanted: Request, device: str, refused: Collection[torch.dtype] = ()
) -> Iterator[Note]:
    """What a green of this run does not cover, and the option that does.

    Args:
        wanted: what was requested.
        device: that was used.
        refused: the dtypes that the target refuses, which no option changes.
    """
    parts = []
    if wanted.case is not None:
        parts.append("anything but this case")
    elif wanted.quick:
        parts.append(
            "large sizes, every pair of sizes, options, layouts and the like, and the check audit "
            "(without --quick)"
        )
    elif wanted.geometry is not None:
        parts.append("other geometries than this one (--geometry)")
    if wanted.case is None:
        left = _left_out(wanted.checks)
        few = len(left) <= _MOST_LEFT_OUT
        parts.append(f"{', '.join(left) if few else f'{len(left)} other checks'} (--check)")
        taken = {*wanted.dtypes, *refused}
        dtypes = [name for name, dtype in DTYPES.items() if dtype not in taken]
        parts += [f"{', '.join(dtypes)} (--dtype)"] if dtypes else []
    if not wanted.is_single and wanted.sweep != Sweep.NETWORKS:
        parts.append("every layer of known networks (--sweep networks)")
    parts.append(f"devices other than {device} (--device)")
    yield Note(NoteKind.NOT_REQUESTED, f"not asked: {'; '.join(parts)}")
    yield Note(
        NoteKind.NOT_CHECKED,
        "not checked: complex, integer, sparse and quantised operands; sizes between those that "
        "were tried; races that did not happen; speed and memory",
    )


def unreached(
    missed: Sequence[Case], drawn: int, planned: int, why: str, too_slow: int
) -> Iterator[Note]:
    """What the clock, or an interrupt, did not let the run get to.

    Args:
        missed: cases of the rounds that were begun.
        drawn: how many cases these rounds have.
        planned: how many the run has; those beyond are certificates.
        why: ", for the clock cut the run"; empty where neither that nor an interrupt is the reason.
        too_slow: how many were left out as too slow, as another note says: where these are all,
            there is no more to be said.
    """
    numbers = Counter(case.check for case in missed)
    if planned > drawn:
        numbers[certifying().name] += planned - drawn
    if numbers and (why or numbers.total() != too_slow):
        counts = (f"{n:,} case{'s' if n > 1 else ''} of {name}" for name, n in numbers.items())
        said = f"not reached{why}: {', '.join(counts)}"
        yield Note(NoteKind.NOT_REACHED, said, by_check=tuple(numbers.items()))
