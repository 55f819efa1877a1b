"""On a real Dask scheduler: two worker processes, of which one is killed, report as one process."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import pytest

from conv_reference.verification import Report, verify
from conv_reference.verification.report.json import render
from conv_reference.verification.work.cluster import dask_executor

CONV2D = "torch.nn.functional:conv2d"


def test_where_no_scheduler_answers_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conv_reference.verification.work.cluster._PATIENCE", 1)

    with (
        pytest.raises(ValueError, match="no scheduler answers at 'tcp://127.0.0.1:9'"),
        dask_executor("tcp://127.0.0.1:9"),
    ):
        pass


def test_a_library_that_is_not_there_is_named_as_an_index_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ValueError, match="^--dask needs Dask: pip install distributed, on each of"),
        dask_executor("tcp://127.0.0.1:9"),
    ):
        pass


def test_an_address_without_a_port_is_refused_before_dask_waits() -> None:
    message = "^--dask: not a scheduler's address: 'foo'; accepted is a form like tcp://"
    with pytest.raises(ValueError, match=message), dask_executor("foo"):
        pass


def judged(report: Report) -> dict[str, Any]:
    """What was judged, without the time that it took."""
    found: dict[str, Any] = json.loads(render(report))
    return {name: found[name] for name in ("judged", "planned", "checks", "findings", "verdict")}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Dask's own, while a worker dies
def test_a_worker_that_is_killed_costs_nothing() -> None:
    distributed = pytest.importorskip("distributed")
    options: dict[str, Any] = {"cases": 120, "sweep": "small", "dtypes": "float64", "seed": 3}
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        killed: list[int] = []

        def kill(done: int, _: int) -> None:
            if done > 30 and not killed:
                workers = [worker.pid for worker in cluster.workers.values()]
                killed.append(workers[0])
                os.kill(workers[0], signal.SIGKILL)

        with dask_executor(cluster.scheduler_address) as executor:
            shared = verify(CONV2D, workers=executor, progress=kill, **options)

    alone = verify(CONV2D, isolate=True, workers=1, **options)
    assert killed
    assert judged(shared) == judged(alone)
    assert shared.judged == shared.planned
