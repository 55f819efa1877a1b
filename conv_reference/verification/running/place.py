"""Where the target runs: in this process, in children, or wherever an executor has it run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.target.names import read_as
from conv_reference.verification.target.operators import reading
from conv_reference.verification.target.strangers.trials import Trials
from conv_reference.verification.work.backend import Backend
from conv_reference.verification.work.children import Children, number_of
from conv_reference.verification.work.executor import OnExecutor
from conv_reference.verification.work.here import Here
from conv_reference.verification.work.launching import Setup


def read_as_said(implementation: Any, operator: str | None, convention: str | None) -> Any:
    """The implementation, or its name, as one of the operator, called by the convention.

    Raises:
        ValueError: when there is no such operator, or the words are no convention.
        TargetError: when the implementation is no target.
    """
    if operator is not None:
        reading(operator)  # refuses what is none, before children are started
    if isinstance(implementation, str):
        return read_as(implementation, operator, convention)
    return as_target(implementation, operator=operator, convention=convention)


@contextmanager
def opened(
    implementation: Any,
    *,
    isolate: bool | Children,
    workers: int | Executor | None,
    full_run: bool,
    forks: bool = True,
    python: str | None = None,
    search: float = math.inf,
) -> Iterator[Backend]:
    """The place where the target runs; what is started here is closed here.

    Args:
        implementation: or its name.
        isolate: whether it runs in children; or children that the caller has started and closes.
        workers: how many children, None for one a core; or an executor, the caller's to shut down.
        full_run: whether a whole run follows, for which children import more beforehand.
        forks: whether children may be forked; see ``Children``.
        python: the interpreter of another environment, which runs the children.
        search: seconds of the processor for how the target is called.

    Raises:
        TargetError: when it is no target, or another process could not import it.
        ValueError: when workers are threads, or children that are not asked for.
    """
    if isinstance(isolate, Children):
        yield isolate
        return
    setup = Setup(forks=forks, python=python, search=search)
    started = (
        _started(implementation, isolate=isolate, workers=workers, full_run=full_run, setup=setup)
        if python is None
        else _elsewhere(
            implementation, isolate=isolate, workers=workers, full_run=full_run, setup=setup
        )
    )
    with closing(started) as backend:
        yield backend


def _elsewhere(
    implementation: Any,
    *,
    isolate: bool,
    workers: int | Executor | None,
    full_run: bool,
    setup: Setup,
) -> Children:
    """Children of another interpreter.

    Raises:
        ValueError: when the target is no name, or children are not asked for.
    """
    if not isinstance(implementation, str) or not isolate or isinstance(workers, Executor):
        raise ValueError("python goes with a target by its name, and with isolate=True")
    setup = replace(setup, forks=True)
    return Children(implementation, number_of(workers), full_run=full_run, setup=setup)


def _started(
    implementation: Any,
    *,
    isolate: bool,
    workers: int | Executor | None,
    full_run: bool,
    setup: Setup,
) -> Backend:
    if isinstance(workers, ThreadPoolExecutor):
        raise ValueError(
            "workers must be an executor of processes, got a ThreadPoolExecutor: threads share "
            "torch's modes and settings, which a case changes"
        )
    if isinstance(workers, Executor):
        return OnExecutor(_importable(implementation, "workers"), workers)
    if workers is not None and not isolate:
        raise ValueError(f"workers={workers} goes with isolate=True: no child process is begun")
    count = number_of(workers)
    is_name = isinstance(implementation, str)
    if is_name and isolate:
        return Children(implementation, count, full_run=full_run, setup=setup)
    trials = Trials(setup.search)
    target = (
        load_target(implementation, trials=trials)
        if is_name
        else as_target(implementation, trials=trials)
    )
    if not isolate:
        return Here(target)
    return Children(_importable(target, "isolate"), count, full_run=full_run, setup=setup)


def _importable(implementation: Any, option: str) -> str:
    """The name by which another process finds it."""
    if isinstance(implementation, str):
        return implementation
    target = as_target(implementation)
    if not target.importable:
        raise TargetError(
            f"{option} needs a target that a child process can import; {target.name!r} cannot be"
        )
    return target.name
