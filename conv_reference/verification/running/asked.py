"""What is requested, put to a target: from the place where it runs to the report of its run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from conv_reference.operands import exact_magnitudes
from conv_reference.verification import accelerator
from conv_reference.verification.execution import Settings, guarded
from conv_reference.verification.known.faces import as_met_by
from conv_reference.verification.known.known import Defect
from conv_reference.verification.known.relayed import (
    PassedOn,
    in_each_quantity,
    relayed,
    torchs,
)
from conv_reference.verification.model.case import (
    DTYPES,
    EXACT_VALUES,
    Case,
    dtype_name,
    dtype_named,
)
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.model.result import FAILURES, Report, Verdict
from conv_reference.verification.plan.ever import NEVER
from conv_reference.verification.plan.memory import Memory
from conv_reference.verification.plan.plan import Plan, plan
from conv_reference.verification.plan.possible import is_possible
from conv_reference.verification.plan.request import Request
from conv_reference.verification.plan.selection import selected_checks
from conv_reference.verification.running.learned_domain import Limits, learned
from conv_reference.verification.running.learning import LEARNING
from conv_reference.verification.running.progress import Progress
from conv_reference.verification.running.run import Run
from conv_reference.verification.store.store import Kept, opened
from conv_reference.verification.store.version import version_of
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.environment import environment
from conv_reference.verification.trial.own_kernel import (
    case_of_impulses,
    computed_kernel,
    why_not_judged,
)
from conv_reference.verification.work.backend import Backend
from conv_reference.verification.work.messages import CALLED, OPENED

CALLING = "finding how it is called"
PLANNING = "choosing the cases"
WATCHING = "watching which of torch's operations it calls"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is requested of ``verify``, checked, before anything is known of the target."""

    wanted: Request
    settings: Settings
    require: Verdict
    where: str | None  # the sizes that the target answers
    constants: tuple[int, ...]  # in files that it is written in: thresholds that it may have
    defects: tuple[Defect, ...]  # the registry
    memory: Memory
    store: Path | None
    is_seeded: bool  # by the caller, who then gets the same cases again


def report_of(asked: Asked, backend: Backend, progress: Progress) -> Report:
    """The report of the run that is requested, but for its seconds.

    Args:
        asked: may be more than this target offers, which then is left out.
        backend: where the target runs.
        progress: what follows the run.

    Raises:
        TargetError, ValueError: as ``verify`` does.
    """
    found = _learned(asked, backend, progress)
    target, wanted, settings = found.target, found.wanted, found.settings
    here = _environment(target, backend, settings.device)
    with ExitStack() as held:
        kept = None
        if asked.store is not None:
            kept = held.enter_context(_kept(asked, wanted, target, here, asked.store))
            wanted, settings = replace(wanted, seed=kept.seed), replace(settings, seed=kept.seed)
        ever = NEVER if kept is None or asked.is_seeded else kept.ever
        failed = [*asked.memory.recall(target), *_parsed(ever.failing, target)]
        recalled = _recalled(failed, target, wanted)
        progress.at(PLANNING)
        chosen = plan(target, wanted, ever).preceded_by(recalled)
        own = [as_met_by(d, target.operator) for d in asked.defects if d.applies(target.name, here)]
        others = [d for d in torchs(asked.defects, here, target.operator) if d not in own]
        progress.at(WATCHING)
        passed = relayed(target, others, chosen.cases, backend, settings, found.until)
        run = Run(
            target,
            backend,
            settings,
            here,
            own=tuple(own),
            passed_on=passed.defects,
            torchs=tuple(map(in_each_quantity, others)),
            wanted=wanted,
            refused=(*found.limits.dtypes, *_not_offered(target)),
            kept=kept,
        )
        report = run.report(chosen, asked.require, progress)
    failing = (f.case for f in report.findings if not f.known and f.verdict in FAILURES)
    lost = asked.memory.update(target, failing, recalled)
    return replace(
        report,
        refuses=found.limits.refuses,
        by_torch=(found.limits.by_torch, found.limits.answered),
        by_torch_where=found.limits.by_torch_where,
        notes=(
            *(Note(NoteKind.NOT_ASKED, f"not asked: {each}") for each in found.limits.unasked),
            *report.notes,
            *_too_slow_for_all(chosen),
            *_unlearned(found, passed),
            *filter(None, (lost,)),
        ),
        strict=settings.strict,
    )


def _too_slow_for_all(chosen: Plan) -> Iterator[Note]:
    """What a quick run leaves out of a slow target."""
    if chosen.left:
        said = f"not asked, for at the target's pace --quick would take long: {chosen.left}"
        yield Note(NoteKind.NOT_ASKED, said)


@dataclass(frozen=True)
class _Learned:
    """What is known of a target before the cases are chosen."""

    target: Target
    wanted: Request  # as far as the target offers it
    settings: Settings
    limits: Limits
    until: float | None  # of ``time.monotonic``, when nothing more is to be learned


def _learned(asked: Asked, backend: Backend, progress: Progress) -> _Learned:
    """How the target is called, and what it refuses.

    Raises:
        TargetError, ValueError: as ``verify`` does.
    """
    progress.at(CALLING)
    target = backend.describe(partial(tell, progress)).with_thresholds(asked.constants)
    wanted = _offered(asked.wanted, target)
    _require_exact(wanted)
    target = target if asked.where is None else target.within(asked.where)
    settings = replace(asked.settings, domain=target.domain)
    progress.at(LEARNING)
    limit = asked.wanted.start_limit
    if limit is not None:  # which begins when somebody is there to be asked
        _ = [*backend.run(_nothing, [None], None)]
    until = None if limit is None else time.monotonic() + limit
    limits = _limits(target, wanted, backend, settings, until, progress)
    target = replace(target.within(limits.where), refused_layouts=limits.layouts)
    wanted = replace(_without(wanted, limits.dtypes), pace=limits.pace)
    settings = replace(settings, domain=target.domain, refused_at=limits.refused_at)
    return _Learned(target, wanted, settings, limits, until)


def _nothing(_: Target, __: None, ___: None) -> None:
    """Whoever has done it has started."""


def tell(progress: Progress, asked: str) -> None:
    """Hand on where a process is that describes the target.

    Args:
        progress: what follows the run.
        asked: where it is, as it reports that; see ``CALLED`` and ``OPENED``.
    """
    if asked.startswith(CALLED):
        calls = asked.removeprefix(CALLED).strip()
        progress.at(f"{CALLING}, {calls} calls so far" if calls not in {"", "0"} else CALLING)
    elif asked.startswith(OPENED):
        progress.at(f"trying the adapter, {asked.removeprefix(OPENED).strip()}")


def _unlearned(found: _Learned, passed: PassedOn) -> Iterator[Note]:
    """What the clock did not let be learned before the first case."""
    limits = found.limits
    left = (
        ("what it refuses, on {} small cases", limits.tried, limits.missed),
        ("whether it passes on {} known defects of torch's", passed.watched, passed.missed),
    )
    said = [
        what.format(f"{no:,} of {yes + no:,}" if yes else f"all {no:,}")
        for what, yes, no in left
        if no
    ]
    if said:
        seconds = f"{found.wanted.start_limit or 0.0:g} s"
        text = f"not learned in the {seconds} for that: {'; '.join(said)}"
        yield Note(NoteKind.NOT_REACHED, text)


def _offered(wanted: Request, target: Target) -> Request:
    """The request in the dtypes that an adapter offers.

    Raises:
        ValueError: when it offers none of those that are requested.
    """
    if target.offer is None:
        return wanted
    offered = [dtype_named(name) for name in target.offer.dtypes]
    asked = wanted.dtypes if wanted.case is None else (wanted.case.dtype,)
    dtypes = tuple(dtype for dtype in asked if dtype in offered)
    if not dtypes:
        raise ValueError(
            f"{target.name} offers {', '.join(target.offer.dtypes)}, got "
            f"{', '.join(map(dtype_name, asked))}"
        )
    return replace(wanted, dtypes=dtypes)


def _not_offered(target: Target) -> list[torch.dtype]:
    """The dtypes that an adapter does not offer: no option would try them."""
    if target.offer is None:
        return []
    return [dtype for name, dtype in DTYPES.items() if name not in target.offer.dtypes]


def _without(wanted: Request, refused: Sequence[torch.dtype]) -> Request:
    """The request without dtypes that are refused whatever the sizes, unless all are."""
    taken = tuple(dtype for dtype in wanted.dtypes if dtype not in refused)
    return replace(wanted, dtypes=taken or wanted.dtypes)


def _limits(
    target: Target,
    wanted: Request,
    backend: Backend,
    settings: Settings,
    until: float | None,
    progress: Progress,
) -> Limits:
    """What the target refuses; torch's own, and a single case, are not tried for that.

    Raises:
        TargetError: when it is a layer that convolves with what it computes from its kernel.
    """
    is_torchs = target.name.partition(":")[0].partition(".")[0] == "torch"
    if wanted.is_single or settings.strict or is_torchs or not target.operator.is_convolution:
        return Limits()
    _refuse_computed_kernel(target, backend, settings)
    return learned(target, wanted.dtypes, backend, settings, until, progress)


def _refuse_computed_kernel(target: Target, backend: Backend, settings: Settings) -> None:
    case = case_of_impulses(target)
    if case is None:
        return
    for _, said in backend.run(_with_what, [case], settings):
        if isinstance(said, str) and said:
            raise TargetError(why_not_judged(target.name, said))


def _with_what(target: Target, case: Case, settings: Settings) -> str:
    with guarded():
        return computed_kernel(settings.trial(target, case))


def _environment(target: Target, backend: Backend, device: str) -> dict[str, str]:
    """What results depend on; the settings of a device are those of the processes that use it."""
    found = environment(device)
    if accelerator.is_another(device):
        for _, answer in backend.run(accelerator.settings, [device], None):
            found |= answer if isinstance(answer, dict) else {}
    if target.offer is not None:
        found["framework"] = target.offer.framework
    return found


def _kept(
    asked: Asked, wanted: Request, target: Target, here: Mapping[str, str], store: Path
) -> AbstractContextManager[Kept]:
    """The run in its store, under all that its cases and their results follow from."""
    request = {
        "dtypes": [dtype_name(dtype) for dtype in wanted.dtypes],
        "budget": wanted.budget,
        "cases": wanted.cases,
        "sweep": wanted.sweep.value,
        "quick": wanted.quick,
        "limit": wanted.limit,
        "where": asked.where,
        "source": asked.constants,
        "checks": wanted.checks,
        "geometry": None if wanted.geometry is None else str(wanted.geometry),
        "case": None if wanted.case is None else str(wanted.case),
        "strict": asked.settings.strict,
        "allowed_bits": asked.settings.allowed_bits,
        "known": [defect.name for defect in asked.defects],
    }
    seed = wanted.seed if asked.is_seeded else None
    return opened(store, version_of(target.name, here), request, seed)


def _recalled(remembered: Sequence[Case], target: Target, wanted: Request) -> list[Case]:
    """Of what failed before all that is requested: in its dtypes, and of its checks."""
    if wanted.is_single:
        return []
    names = {check.name for check in selected_checks(target, wanted.checks)}
    return [case for case in remembered if case.dtype in wanted.dtypes and case.check in names]


def _parsed(texts: Sequence[str], target: Target) -> list[Case]:
    cases = map(Case.parse, texts)
    return [case for case in cases if is_possible(target, case)]


def _require_exact(wanted: Request) -> None:
    """A single case must leave room for integers that are exact."""
    if wanted.case is not None and wanted.case.values in EXACT_VALUES:
        exact_magnitudes(wanted.case.geometry, wanted.case.dtype)
