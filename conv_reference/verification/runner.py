"""Target and geometries to a report: every case judged, failures reduced and gathered."""

from __future__ import annotations

import platform
import secrets
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch

from conv_reference.geometry import Geometry
from conv_reference.operands import can_be_exact, exact_magnitudes
from conv_reference.verification.checks.gradients import CHECKS, expect, observe
from conv_reference.verification.factors import random_geometries
from conv_reference.verification.judge import Judgement, judge
from conv_reference.verification.reduce import smallest_failing
from conv_reference.verification.report import text
from conv_reference.verification.result import CheckResult, Finding, Report, Verdict, worst
from conv_reference.verification.target import Target, as_target
from conv_reference.verification.values import TRIALS, miss_bound, trial_operands

_FAILURES = frozenset({Verdict.RAISED, Verdict.WRONG})

DEFAULT_DTYPES = (torch.float32, torch.float64)
DEFAULT_BUDGET = 20.0  # seconds
DEFAULT_GEOMETRIES = 1_000

Progress = Callable[[int, int], None]  # geometries judged, geometries planned


def verify(
    implementation: Any,
    *,
    dtypes: Sequence[torch.dtype] = DEFAULT_DTYPES,
    device: str | torch.device = "cpu",
    seed: int | None = None,
    budget: float = DEFAULT_BUDGET,
    geometries: int = DEFAULT_GEOMETRIES,
    geometry: Geometry | None = None,
    require: Verdict = Verdict.ROUNDED,
    progress: Progress | None = None,
) -> Report:
    """Compare Y, dX, dK and db with the oracle over random geometries, exactly.

    Not checked so far: memory layouts, second derivatives, forward mode and vmap,
    non-finite values, repeated calls.

    Args:
        implementation: a callable with a leading part of the signature of
            ``torch.nn.functional.conv2d``, or an ``nn.Module`` class or instance.
        dtypes: floating; at least one.
        device: where the implementation runs.
        seed: at least 0; None draws one, which the report tells.
        budget: seconds, above 0, after which no further geometry is begun.
        geometries: how many random ones to try, at least 1.
        geometry: only this one, in place of random ones.
        require: the worst verdict that still passes: rounded or exact.
        progress: told after each geometry.

    Raises:
        TargetError: when the implementation is none of the above.
        ValueError: when an argument is outside its range, or the implementation cannot be
            asked for ``geometry``.
    """
    target = as_target(implementation)
    seed = secrets.randbits(32) if seed is None else seed
    _require_arguments(dtypes, seed, budget, geometries, require)
    if geometry is not None:
        _require_possible(target, geometry, dtypes)
    plan = [geometry] if geometry is not None else _plan(target, seed, geometries)
    run = _Run(target, _device(device), seed)
    tallies = {(name, dtype): _Tally() for dtype in dtypes for name in CHECKS}
    judged = 0
    deadline = time.monotonic() + budget
    for case in plan:
        if time.monotonic() > deadline:
            break
        for dtype in dtypes:
            for quantity, judgement in run.judge_geometry(case, dtype):
                tallies[quantity, dtype].add(case, judgement)
        judged += 1
        if progress is not None:
            progress(judged, len(plan))
    return Report(
        target=target.name,
        environment=_environment(run.device),
        seed=seed,
        require=require,
        planned=len(plan),
        judged=judged,
        checks=tuple(tally.result(quantity, dtype) for (quantity, dtype), tally in tallies.items()),
        findings=tuple(
            run.finding(quantity, dtype, *tally.failure)
            for (quantity, dtype), tally in tallies.items()
            if tally.failure is not None
        ),
    )


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


@dataclass(frozen=True)
class _Run:
    """What stays the same over one run."""

    target: Target
    device: torch.device
    seed: int

    def judge_geometry(
        self, geometry: Geometry, dtype: torch.dtype
    ) -> Iterator[tuple[str, Judgement]]:
        """Each quantity of each trial; nothing where no integers are exact in the dtype."""
        if not can_be_exact(geometry, dtype):
            return
        for trial in TRIALS:
            with_bias = self.target.has_bias(trial.with_bias)
            operands = trial_operands(geometry, dtype, trial, seed=self.seed).to(self.device)
            observed = observe(self.target, geometry, operands, with_bias=with_bias)
            expected = expect(self.target, geometry, operands, with_bias=with_bias)
            for quantity, actual in observed.items():
                yield quantity, judge(quantity, actual, expected[quantity])

    def finding(
        self, quantity: str, dtype: torch.dtype, geometry: Geometry, judgement: Judgement
    ) -> Finding:
        """The finding of a failure, on the smallest geometry with the same verdict."""

        def failure(candidate: Geometry) -> Judgement | None:
            if self.target.restrict(candidate) != candidate:
                return None
            return next(
                (
                    found
                    for name, found in self.judge_geometry(candidate, dtype)
                    if name == quantity and found.verdict == judgement.verdict
                ),
                None,
            )

        smallest = smallest_failing(geometry, lambda candidate: failure(candidate) is not None)
        # Not repeatable: then the first sight of it is all there is to show.
        shown = failure(smallest) or judgement
        return Finding(
            check=CHECKS[quantity],
            dtype=_name(dtype),
            verdict=shown.verdict,
            quantity=quantity,
            geometry=str(smallest),
            layout="contiguous",
            seed=self.seed,
            index=shown.index,
            expected=shown.expected,
            actual=shown.actual,
            explanation=shown.explanation,
            reproduce=self._reproduce(dtype, smallest),
        )

    def _reproduce(self, dtype: torch.dtype, geometry: Geometry) -> str:
        if not self.target.importable:
            return (
                f"verify({self.target.name}, dtypes=[{dtype}], seed={self.seed}, "
                f'geometry=Geometry.parse("{geometry}"))'
            )
        words = ["conv-reference", "verify", self.target.name, "--dtype", _name(dtype)]
        if self.device.type != "cpu":
            words += ["--device", str(self.device)]
        return shlex.join([*words, "--geometry", str(geometry), "--seed", str(self.seed)])


@dataclass
class _Tally:
    """What one check has seen so far in one dtype."""

    verdicts: set[Verdict] = field(default_factory=set)
    geometries: dict[Geometry, None] = field(default_factory=dict)  # an ordered set
    effective_bits: list[float] = field(default_factory=list)
    failure: tuple[Geometry, Judgement] | None = None  # the first of the worst

    def add(self, geometry: Geometry, judgement: Judgement) -> None:
        if judgement.verdict in _FAILURES and (
            self.failure is None
            or worst([self.failure[1].verdict, judgement.verdict]) != self.failure[1].verdict
        ):
            self.failure = geometry, judgement
        self.verdicts.add(judgement.verdict)
        self.geometries[geometry] = None
        if judgement.effective_bits is not None:
            self.effective_bits.append(judgement.effective_bits)

    def result(self, quantity: str, dtype: torch.dtype) -> CheckResult:
        verdict = worst(self.verdicts)
        return CheckResult(
            name=CHECKS[quantity],
            dtype=_name(dtype),
            verdict=verdict,
            geometries=len(self.geometries),
            effective_bits=min(self.effective_bits, default=None),
            miss_bound=(
                max(miss_bound(geometry, dtype, quantity) for geometry in self.geometries)
                if verdict == Verdict.EXACT
                else None
            ),
        )


def _plan(target: Target, seed: int, count: int) -> list[Geometry]:
    drawn = islice(random_geometries(seed), count)
    return list(dict.fromkeys(target.restrict(geometry) for geometry in drawn))


def _require_possible(target: Target, geometry: Geometry, dtypes: Sequence[torch.dtype]) -> None:
    nearest = target.restrict(geometry)
    if nearest != geometry:
        raise ValueError(
            f"{target.name} cannot be asked for {geometry}; the nearest that it can is {nearest}"
        )
    for dtype in dtypes:
        exact_magnitudes(geometry, dtype)  # raises where there are none


def _require_arguments(
    dtypes: Sequence[torch.dtype], seed: int, budget: float, geometries: int, require: Verdict
) -> None:
    if not dtypes or not all(dtype.is_floating_point for dtype in dtypes):
        raise ValueError(f"dtypes must be one or more floating dtypes, got {list(dtypes)}")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    if not budget > 0:
        raise ValueError(f"budget must be more than 0 seconds, got {budget}")
    if geometries < 1:
        raise ValueError(f"geometries must be at least 1, got {geometries}")
    if require not in {Verdict.EXACT, Verdict.ROUNDED}:
        raise ValueError(f"require must be 'exact' or 'rounded', got {require!r}")


def _device(device: str | torch.device) -> torch.device:
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:  # torch's own words, the first line of them
        raise ValueError(f"no device {str(device)!r} here: {str(error).splitlines()[0]}") from error


def _environment(device: torch.device) -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "machine": platform.machine(),
        "device": str(device),
        "threads": str(torch.get_num_threads()),
    }


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
