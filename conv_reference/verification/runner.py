"""``verify`` and ``assert_correct``: what is given is read, and a run made of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from conv_reference.geometry import Geometry
from conv_reference.verification import accelerator, given, options
from conv_reference.verification.execution import Settings
from conv_reference.verification.known.known import SHIPPED, load
from conv_reference.verification.model.case import DTYPES, Case, dtype_named
from conv_reference.verification.model.domain import require_where
from conv_reference.verification.model.result import Report, Verdict
from conv_reference.verification.plan.memory import Memory
from conv_reference.verification.plan.request import Request, Sweep
from conv_reference.verification.reading import catalogue
from conv_reference.verification.reading.texts import require_size
from conv_reference.verification.reading.texts import source as in_source
from conv_reference.verification.running.asked import Asked, report_of
from conv_reference.verification.running.judging import Progress
from conv_reference.verification.running.place import opened, read_as_said
from conv_reference.verification.trial.environment import usable_device
from conv_reference.verification.work.children import Children


def verify(
    implementation: Any,
    *,
    operator: str | None = None,
    convention: str | None = None,
    where: str | None = None,
    source: Sequence[Path | str] | Path | str = options.SOURCE.default,
    dtypes: Sequence[torch.dtype | str] | torch.dtype | str = options.DTYPE.default,
    device: str | torch.device = options.DEVICE.default,
    seed: int | None = None,
    budget: float | None = options.BUDGET.default,
    cases: int | None = options.CASES.default,
    checks: Sequence[str] | str = (),
    skip: Sequence[str] | str = (),
    sweep: Sweep | str = options.SWEEP.default,
    quick: bool = False,
    limit: str | None = None,
    geometry: Geometry | str | None = None,
    case: Case | str | None = None,
    require: Verdict | str = options.REQUIRE.default,
    strict: bool = options.STRICT.default,
    allowed_bits: int | None = None,
    isolate: bool | Children = False,
    workers: int | Executor | None = None,
    python: str | Path | None = None,
    known: Path | str | None = SHIPPED,
    memory: Path | None = None,
    store: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Is this implementation right, in every mode, and if not, where and how is it wrong?

    Args:
        implementation: a callable with a leading part of the signature of
            ``torch.nn.functional.conv2d``, an ``nn.Module`` class or instance, an adapter
            with ``forward`` and ``vjp``; or a name, ``package.module:attribute``.
        operator: what it should compute, where neither torch's own names, a layer's class nor a
            parameter ``output_padding`` say it: conv2d, conv_transpose2d,
            conv1d, conv_transpose1d, conv2d_weight or conv2d_input.
        convention: how it is called, as far as a trial is not to find that:
            "input=NHWC weight=HWIO integers=stride,padding", or "backward=none" where it is
            forward only.
        where: the sizes that it answers, a predicate: "sh == sw == 1 and kh == kw == 3". What it
            refuses on purpose, by a ``raise`` before anything is computed, is learned.
        source: files that the implementation is written in and Python does not show, as C++ or
            CUDA: the integers in them become sizes that are tried, one less and one more, too.
        dtypes: floating, or their names; one, or several.
        device: where the implementation runs.
        seed: at least 0; None draws one, which the report shows.
        budget: seconds, above 0; 20 where neither it nor ``cases`` is given. Alone, the number
            of cases follows from it, 500 a second, and the clock cuts a run that takes three
            times as long, and more than 10 s, in which time that others had of the processor does
            not count. Beside ``cases`` it is the time limit itself.
        cases: about how many are planned, 1..100,000,000; without a budget there is no time
            limit.
        checks: names of checks or of their rows; all but those on request where empty.
        skip: names of checks or of their rows that are left out.
        sweep: which geometries the certificate is put to; see ``Sweep``.
        quick: some hundred cases of every kind, for a first answer; no large sizes, no audit.
        limit: of an exhaustive sweep, like "h<=5 w<=5 k<=3": every geometry up to it, each once.
        geometry: only this one, in every variation.
        case: only this one, or its text form.
        require: the least that passes: rounded or exact.
        strict: whether it does not pass, either, where arguments for which there is no
            convolution are answered (permissive).
        allowed_bits: the precision that is allowed in place of the dtype's, 1..53.
        isolate: call it in child processes, which may crash or hang; it must be importable.
            Or children that were started on it before; they are the caller's to close.
        workers: how many child processes; by default one for each core, up to four. Or an
            executor that carries the work out, wherever that is; it is the caller's to shut down.
        python: the interpreter of another environment, whose children call the target; it must
            be named, and ``isolate`` be asked for. Torch must be there, too.
        known: the registry of known defects, a file; None takes none for known.
        memory: a folder for what failed, which the next run tries first; None remembers
            nothing, so that the same seed gives the same report.
        store: an SQLite file to which results go as they come: an interrupted run is resumed,
            the next goes on where coverage is thin. What failed before is tried first.
        progress: called now and then with how many cases are judged, of how many.

    Raises:
        TargetError: when the implementation is none of the above, cannot be imported, or raises
            the same on each of the first hundred cases.
        ValueError: when an argument is outside its range, or the implementation cannot be
            asked for the geometry or the case.
    """
    begun = time.monotonic()
    dtypes = (dtypes,) if isinstance(dtypes, str | torch.dtype) else dtypes
    checks = (checks,) if isinstance(checks, str) else tuple(checks)
    skip = (skip,) if isinstance(skip, str) else tuple(skip)
    source = (source,) if isinstance(source, str | Path) else source
    files = tuple(map(str, source))
    given.require_keywords(
        source=files,
        seed=seed,
        budget=budget,
        cases=cases,
        checks=checks,
        skip=skip,
        sweep=sweep,
        limit=limit,
        require=require,
        allowed_bits=allowed_bits,
        convention=convention,
        workers=None if isinstance(workers, Executor) else workers,
        python=None if python is None else str(python),
    )
    wanted = Request(
        dtypes=tuple(dtype_named(d) if isinstance(d, str) else d for d in dtypes),
        seed=secrets.randbits(32) if seed is None else seed,
        budget=budget,
        cases=cases,
        sweep=Sweep(sweep),
        quick=quick,
        limit=limit,
        checks=catalogue.without(checks, skip),
        geometry=Geometry.parse(geometry) if isinstance(geometry, str) else geometry,
        case=Case.parse(case) if isinstance(case, str) else case,
    )
    _require_together(wanted, where)
    asked = Asked(
        wanted=wanted,
        settings=Settings(wanted.seed, usable_device(device), allowed_bits, strict=strict),
        require=Verdict(require),
        where=where,
        constants=tuple(dict.fromkeys(n for file in files for n in in_source(file))),
        defects=() if known is None else load(Path(known)),
        memory=Memory(memory),
        store=store,
        is_seeded=seed is not None,
    )
    if operator is not None or convention is not None:
        implementation = read_as_said(implementation, operator, convention)
    place = opened(
        implementation,
        isolate=isolate,
        workers=workers,
        full_run=not (wanted.is_single or wanted.checks),
        forks=not accelerator.is_another(asked.settings.device),
        python=None if python is None else str(python),
    )
    with place as backend:
        report = report_of(asked, backend, progress)
    return replace(report, seconds=time.monotonic() - begun)


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
        raise AssertionError(f"{report}\n")


def _require_together(wanted: Request, where: str | None) -> None:
    """Refuse what can be seen of no option alone, before a process is started.

    Raises:
        ValueError: one line with what is given and what is accepted.
    """
    if not wanted.dtypes or not set(wanted.dtypes) <= set(DTYPES.values()):
        raise ValueError(
            f"dtypes must be one or more of {', '.join(DTYPES)}, got {list(wanted.dtypes)}"
        )
    if wanted.geometry is not None and wanted.case is not None:
        raise ValueError(
            f"a geometry or a case is accepted, not both; got {wanted.geometry} and {wanted.case}"
        )
    geometry = wanted.geometry if wanted.case is None else wanted.case.geometry
    if geometry is not None:
        require_size(geometry)
    if where is not None:
        require_where(where)
