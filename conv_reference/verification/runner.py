"""Target and request to a report: the plan carried out, failures taken apart and gathered."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from conv_reference.geometry import Geometry
from conv_reference.operands import exact_magnitudes
from conv_reference.verification.checks import Check, Sample, all_checks
from conv_reference.verification.checks._execution import Settings, judge_case
from conv_reference.verification.diagnosis import notes
from conv_reference.verification.diagnosis.findings import PATIENCE, Lab
from conv_reference.verification.diagnosis.tally import Tally
from conv_reference.verification.known.known import SHIPPED, Defect, load
from conv_reference.verification.known.provoke import provoke, stale
from conv_reference.verification.known.relayed import relayed, torchs
from conv_reference.verification.model.case import DTYPES, EXACT_VALUES, Case, dtype_named
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.model.notes import Note, Unjudged
from conv_reference.verification.model.result import CheckResult, Coverage, Report, Verdict
from conv_reference.verification.plan.memory import Memory
from conv_reference.verification.plan.plan import (
    Plan,
    Request,
    Sweep,
    plan,
    require_known,
    selected_checks,
)
from conv_reference.verification.report import text
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.environment import environment, usable_device
from conv_reference.verification.work.children import Backend, Children, Here, usual_count
from conv_reference.verification.work.messages import Broken

DEFAULT_DTYPES = tuple(DTYPES.values())
DEFAULT_BUDGET = 20.0  # seconds
MOST_BITS = 53  # float64 has no more
OVERRUN = 3  # times the budget, after which the clock cuts the plan short

Progress = Callable[[int, int], None]  # cases judged, cases planned


def verify(
    implementation: Any,
    *,
    dtypes: Sequence[torch.dtype | str] | torch.dtype | str = DEFAULT_DTYPES,
    device: str | torch.device = "cpu",
    seed: int | None = None,
    budget: float = DEFAULT_BUDGET,
    checks: Sequence[str] | str = (),
    sweep: Sweep | str = Sweep.DEFAULT,
    geometry: Geometry | str | None = None,
    case: Case | str | None = None,
    require: Verdict | str = Verdict.ROUNDED,
    allowed_bits: int | None = None,
    isolate: bool | Children = False,
    workers: int | None = None,
    known: Path | str | None = SHIPPED,
    memory: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Is this implementation right, in every mode, and if not, where and how is it wrong?

    Args:
        implementation: a callable with a leading part of the signature of
            ``torch.nn.functional.conv2d``, an ``nn.Module`` class or instance, an adapter
            with ``forward`` and ``vjp``; or a name, ``package.module:attribute``.
        dtypes: floating, or their names; one, or several.
        device: where the implementation runs.
        seed: at least 0; None draws one, which the report tells.
        budget: seconds, above 0, from which the number of cases follows. The clock cuts a
            run that takes three times as long.
        checks: names of checks or of their rows; all but those on request where empty.
        sweep: which geometries the certificate is put to; see ``Sweep``.
        geometry: only this one, in every variation.
        case: only this one, or its text form.
        require: the worst verdict that still passes: rounded or exact.
        allowed_bits: the precision that is allowed in place of the dtype's, 1..53.
        isolate: call it in child processes, which may crash or hang; it must be importable.
            Or children that were started on it before; they are the caller's to close.
        workers: how many child processes; by default one for each core, up to four.
        known: the registry of known defects, a file; None takes none for known.
        memory: a folder for what failed, which the next run tries first; None remembers
            nothing, so that the same seed gives the same report.
        progress: told now and then how many cases are judged, of how many.

    Raises:
        TargetError: when the implementation is none of the above, or cannot be imported.
        ValueError: when an argument is outside its range, or the implementation cannot be
            asked for the geometry or the case.
    """
    begun = time.monotonic()
    dtypes = (dtypes,) if isinstance(dtypes, str | torch.dtype) else dtypes
    wanted = Request(
        dtypes=tuple(dtype_named(d) if isinstance(d, str) else d for d in dtypes),
        seed=secrets.randbits(32) if seed is None else seed,
        budget=budget,
        sweep=_sweep(sweep),
        checks=(checks,) if isinstance(checks, str) else tuple(checks),
        geometry=Geometry.parse(geometry) if isinstance(geometry, str) else geometry,
        case=Case.parse(case) if isinstance(case, str) else case,
    )
    required = _required(require)
    _require_arguments(wanted, allowed_bits, workers)
    settings = Settings(wanted.seed, usable_device(device), allowed_bits)
    defects = _defects(known)
    full_run = not (wanted.is_single or wanted.checks)
    with _backend(implementation, isolate=isolate, workers=workers, full_run=full_run) as backend:
        remembered = Memory(memory)
        target = backend.describe()
        _require_exact(wanted)
        chosen = plan(target, wanted)
        recalled = [] if wanted.is_single else _wanted(remembered.recall(target), target, wanted)
        chosen = replace(chosen, cases=tuple(dict.fromkeys((*recalled, *chosen.cases))))
        run = _Run(target, backend, settings, defects, begun)
        report = run.report(chosen, wanted, required, progress)
        remembered.update(target, (f.case for f in report.findings if not f.known), recalled)
        return report


def assert_correct(implementation: Any, **options: Any) -> None:
    """Raise an ``AssertionError`` with the findings unless ``verify`` finds nothing wrong.

    Args:
        implementation: see ``verify``.
        **options: those of ``verify``.

    Raises:
        AssertionError: when something is wrong.
        TargetError, ValueError: as ``verify`` does.
    """
    report = verify(implementation, **options)
    if not report.passed:
        raise AssertionError(text.render(report))


class _Run:
    """What stays the same over one run."""

    def __init__(
        self,
        target: Target,
        backend: Backend,
        settings: Settings,
        defects: Sequence[Defect],
        begun: float,
    ) -> None:
        self._target = target
        self._backend = backend
        self._settings = settings
        self._environment = environment(settings.device)
        self._own = [d for d in defects if d.applies(target.name, self._environment)]
        self._torchs = [d for d in torchs(defects, self._environment) if d not in self._own]
        self._begun = begun
        self._in_process = isinstance(backend, Here)

    def report(
        self, chosen: Plan, wanted: Request, require: Verdict, progress: Progress | None
    ) -> Report:
        provoked_notes: tuple[Note, ...] = ()
        passed_on = relayed(self._target, self._torchs, chosen.cases, self._backend, self._settings)
        defects = (*self._own, *passed_on)
        if not wanted.is_single:
            crashing = [defect for defect in defects if defect.crashes]
            chosen = chosen.completed(lambda case: any(d.concerns(case) for d in crashing))
            provoked = provoke(
                chosen.cases, defects, self._target, wanted, isolated=not self._in_process
            )
            chosen, provoked_notes = replace(chosen, cases=provoked.cases), provoked.notes
        results, interrupted = self._judged(chosen, wanted, progress)
        named = {case.check for case in chosen.cases}
        if wanted.case is None:
            named |= {check.name for check in _asked(wanted)}
        checks = [check for check in all_checks().values() if check.name in named]
        tally = Tally(checks, wanted.dtypes)
        rows = _rows(checks, wanted.checks)
        unjudged, tried = [], []
        for case, result in zip(chosen.cases, results, strict=True):
            if isinstance(result, Broken):
                unjudged.append(Unjudged(case.check, str(case), result.error))
            elif result is not None:
                crashed = isinstance(result, Crash)
                tally.add(case, result if crashed else [j for j in result if j.check in rows])
                tried.append(case)
        failures = tally.failures()
        lab = Lab(
            self._target,
            self._backend,
            self._settings,
            defects,
            in_process=self._in_process,
            tried=tried,
            patience=0.0 if interrupted else _patience(wanted.budget),
        )
        try:
            gathered = lab.findings(failures)
        except KeyboardInterrupt:  # what is known so far, as it was met
            gathered, interrupted = replace(lab, patience=0.0).findings(failures), True
        return Report(
            target=self._target.name,
            environment=self._environment,
            seed=self._settings.seed,
            require=require,
            planned=len(chosen.cases),
            judged=len(tried),
            checks=(*tally.results(gathered.known), *_not_asked(self._target, checks)),
            findings=gathered.findings,
            coverage=_coverage(chosen, tried, tally.refused),
            notes=(
                *notes.assumed(self._target),
                *provoked_notes,
                *tally.notes,
                *notes.silent(checks, rows, tally.rows, tried),
                *notes.unswept(wanted, checks),
                *notes.inapplicable(checks, wanted.dtypes),
                *notes.unreached(chosen, results),
            ),
            interrupted=interrupted,
            stale=stale(tried, gathered.known, defects),
            unjudged=tuple(unjudged),
            refused=len(tally.refused),
            seconds=time.monotonic() - self._begun,
        )

    def _judged(
        self, chosen: Plan, wanted: Request, progress: Progress | None
    ) -> tuple[list[Any], bool]:
        """The result of each case, None where it was not reached; and whether by an interrupt."""
        results: list[Any] = [None] * len(chosen.cases)
        deadline = None if wanted.is_single else time.monotonic() + OVERRUN * wanted.budget
        # What fails is taken apart with all questions.
        settings = replace(self._settings, brief=not wanted.is_single)
        done = 0
        try:
            for number, result in self._backend.run(
                judge_case, chosen.cases, settings, deadline=deadline
            ):
                results[number] = result
                done += 1
                if progress is not None:
                    progress(done, len(results))
        except KeyboardInterrupt:
            return results, True
        return results, False


def _coverage(chosen: Plan, tried: Sequence[Case], refused: Container[Case]) -> Coverage | None:
    """What was met, of a run that came to its end."""
    if chosen.covering is None or len(tried) < len(chosen.cases):
        return None
    return chosen.covering.coverage({case for case in tried if case not in refused})


def _patience(budget: float) -> float:
    """Seconds for taking failures apart: a short run is not to end in a long wait."""
    return min(PATIENCE, max(PATIENCE / 3, OVERRUN * budget))


def _wanted(cases: Sequence[Case], target: Target, wanted: Request) -> list[Case]:
    """Those in a dtype and of a check that are asked for."""
    names = {check.name for check in selected_checks(target, wanted.checks)}
    return [case for case in cases if case.dtype in wanted.dtypes and case.check in names]


def _rows(checks: Sequence[Check], names: Sequence[str]) -> set[str]:
    """The rows that are reported: where some of a check are named, those alone."""
    every = {row.name for check in checks for row in check.rows}
    whole = {row.name for check in checks if check.name in names for row in check.rows}
    return (whole | set(names)) & every if names else every


def _asked(wanted: Request) -> list[Check]:
    """The checks that the request names, or all that are not on request."""
    known = all_checks()
    if not wanted.checks:
        return [check for check in known.values() if check.sample != Sample.REQUEST]
    rows = set(wanted.checks)
    return [c for c in known.values() if c.name in rows or rows & {row.name for row in c.rows}]


def _not_asked(target: Target, checks: Sequence[Check]) -> list[CheckResult]:
    """The rows that the target cannot be put to, with the reason."""
    return [
        CheckResult(row.name, "-", Verdict.UNSUPPORTED, 0, None, None, reason=reason)
        for check in checks
        if (reason := check.unsupported(target)) is not None and not check.layers_only
        for row in check.rows
    ]


@contextmanager
def _backend(
    implementation: Any, *, isolate: bool | Children, workers: int | None, full_run: bool
) -> Iterator[Backend]:
    """Where the target runs; what is started here is closed here."""
    if isinstance(isolate, Children):
        yield isolate
        return
    started = _started(implementation, isolate=isolate, workers=workers, full_run=full_run)
    with closing(started) as backend:
        yield backend


def _started(implementation: Any, *, isolate: bool, workers: int | None, full_run: bool) -> Backend:
    count = usual_count() if workers is None else workers
    is_name = isinstance(implementation, str)
    if is_name and isolate:
        return Children(implementation, count, full_run=full_run)
    target = load_target(implementation) if is_name else as_target(implementation)
    if not isolate:
        return Here(target)
    if not target.importable:
        raise TargetError(
            f"isolate needs a target that a child process can import; {target.name!r} cannot be"
        )
    return Children(target.name, count, full_run=full_run)


def _defects(known: Path | str | None) -> tuple[Defect, ...]:
    return () if known is None else load(Path(known))


def _sweep(sweep: Sweep | str) -> Sweep:
    try:
        return Sweep(sweep)
    except ValueError:
        raise ValueError(f"sweep must be one of {', '.join(Sweep)}, got {sweep!r}") from None


def _required(require: Verdict | str) -> Verdict:
    if require not in {Verdict.EXACT, Verdict.ROUNDED}:
        raise ValueError(f"require must be 'exact' or 'rounded', got {require!r}")
    return Verdict(require)


def _require_arguments(wanted: Request, allowed_bits: int | None, workers: int | None) -> None:
    if not wanted.dtypes or not set(wanted.dtypes) <= set(DTYPES.values()):
        raise ValueError(
            f"dtypes must be one or more of {', '.join(DTYPES)}, got {list(wanted.dtypes)}"
        )
    if wanted.seed < 0:
        raise ValueError(f"seed must be at least 0, got {wanted.seed}")
    if not 0 < wanted.budget < float("inf"):
        raise ValueError(f"budget must be finite and more than 0 seconds, got {wanted.budget}")
    if allowed_bits is not None and not 1 <= allowed_bits <= MOST_BITS:
        raise ValueError(f"allowed_bits must be 1..{MOST_BITS}, got {allowed_bits}")
    if wanted.geometry is not None and wanted.case is not None:
        raise ValueError(
            f"a geometry or a case is accepted, not both; got {wanted.geometry} and {wanted.case}"
        )
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    require_known(wanted.checks)


def _require_exact(wanted: Request) -> None:
    """A single case must leave room for integers that are exact."""
    if wanted.case is not None and wanted.case.values in EXACT_VALUES:
        exact_magnitudes(wanted.case.geometry, wanted.case.dtype)
