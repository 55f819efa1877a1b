"""``verify`` and ``assert_correct``: their signatures, and what each argument means.

Names and defaults are those of ``options``; the types are here, where type checkers and ``help``
read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import torch

from conv_reference.geometry import Geometry
from conv_reference.verification import options
from conv_reference.verification.known.known import SHIPPED
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import Report, Verdict
from conv_reference.verification.plan.request import Sweep
from conv_reference.verification.running.progress import Counting
from conv_reference.verification.running.verifying import verified
from conv_reference.verification.work.children import Children


def verify(
    implementation: Any,
    *,
    operator: str | None = options.OPERATOR.default,
    convention: str | None = options.AS.default,
    where: str | None = options.WHERE.default,
    source: Sequence[Path | str] | Path | str = options.SOURCE.default,
    dtypes: Sequence[torch.dtype | str] | torch.dtype | str = options.DTYPE.default,
    device: str | torch.device = options.DEVICE.default,
    seed: int | None = options.SEED.default,
    budget: float | None = options.BUDGET.default,
    cases: int | None = options.CASES.default,
    checks: Sequence[str] | str = options.CHECK.default,
    skip: Sequence[str] | str = options.SKIP.default,
    sweep: Sweep | str = options.SWEEP.default,
    quick: bool = options.QUICK.default,
    limit: str | None = options.LIMIT.default,
    geometry: Geometry | str | None = options.GEOMETRY.default,
    case: Case | str | None = options.CASE.default,
    require: Verdict | str = options.REQUIRE.default,
    strict: bool = options.STRICT.default,
    allowed_bits: int | None = options.ALLOW_BITS.default,
    isolate: bool | Children = False,
    workers: int | Executor | None = options.WORKERS.default,
    python: str | Path | None = options.PYTHON.default,
    known: Path | str | None = SHIPPED,
    memory: Path | str | None = None,
    store: Path | str | None = options.STORE.default,
    progress: Counting | None = None,
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
            of cases follows from it, 500 a second, and the clock cuts a run that would take three
            times as long, and more than 10 s: after the budget itself where the pace shows it.
            Time that others had of the processor does not count, up to as long again, or 40 s in
            all. Beside ``cases`` it is the time limit itself. What failed is taken apart for three
            times as long, 20 to 60 s, of a run that was cut for half as long, at least 5 s.
        cases: about how many are planned, 1..100,000,000, one at least of each check in each
            dtype; without a budget there is no time limit.
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
        workers: how many child processes, with ``isolate``; by default one for each core, up to
            four. Or an executor of processes that carry the work out, wherever that is; it is the
            caller's to shut down.
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
    return verified(**locals())


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
