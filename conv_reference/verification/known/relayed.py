"""Known defects that a target passes on: torch's own, where the target calls torch there.

Most implementations call torch's convolution somewhere, in the backward pass above all, or are
made of its matrix products. Whether one does is heard and not guessed: a dispatch mode sees every
operation, and those within an operator of the target's own. And whether a failure is torch's is
asked of the failing case itself, judged again with these operations carried out in float64 and
without oneDNN: what fails then as well is the target's, what is right then was torch's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from conv_reference.quantities import CONV2D
from conv_reference.verification.execution import Settings, guarded, judge_case
from conv_reference.verification.known.known import Defect
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.model.result import FAILURES
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised
from conv_reference.verification.work.backend import Backend
from conv_reference.verification.work.messages import Broken

TORCH, PRODUCT = "torch.nn.functional:conv2d", "torch:matmul"  # as the registry calls them
_FORWARD, _BACKWARD = "convolution", "convolution_backward"  # as the dispatcher does
_PRODUCT = "matrix product"


def torchs(defects: Iterable[Defect], environment: Mapping[str, str]) -> list[Defect]:
    """Those of torch's convolution and of its matrix product that are to be expected here."""
    return [d for d in defects if any(d.applies(name, environment) for name in (TORCH, PRODUCT))]


def relayed(
    target: Target,
    defects: Sequence[Defect],
    cases: Sequence[Case],
    backend: Backend,
    settings: Settings,
) -> tuple[Defect, ...]:
    """Those of torch's defects that the target may meet, for it calls torch there.

    They are narrowed to what the target has torch do: where its backward pass is its own, to Y.
    None of them is expected to show. Whether a failure is one is asked of its own case, see
    ``judged_exactly``.

    Args:
        target: that is judged.
        defects: of torch, in this environment.
        cases: of the plan; for each defect, the target is heard on the first that it concerns.
        backend: where the target runs.
        settings: of the run.
    """
    if target.operator is not CONV2D:
        return ()  # their predicates are over the sizes of a convolution
    concerned = ((defect, _concerned(target, defect, cases)) for defect in defects)
    asked = [(defect, case) for defect, case in concerned if case is not None]
    results = backend.run(heard, [case for _, case in asked], settings)
    found = (
        _narrowed(asked[number][0], names)
        for number, names in sorted(results, key=itemgetter(0))
        if not isinstance(names, Crash | Broken)
    )
    return tuple(defect for defect in found if defect is not None)


def heard(target: Target, case: Case, settings: Settings) -> frozenset[str]:
    """Which of torch's convolutions, forward and backward, and products the target calls here.

    They are carried out without oneDNN, whose defects are then not met: some kill the process.
    """
    trial = settings.trial(target, case)
    listener = _Listener(settings.device)
    with guarded(), suppress(TargetRaised), torch.backends.mkldnn.flags(enabled=False):
        call = trial.call()
        with listener:
            observe(call)
    return frozenset(listener.names)


def judged_exactly(
    target: Target, case: Case, argument: tuple[Settings, Defect]
) -> frozenset[tuple[str, str]]:
    """The rows and quantities that fail where torch does exactly what the defect is about.

    Args:
        target: that fails on the case.
        case: with all its questions.
        argument: the settings of the run, and the defect.
    """
    settings, defect = argument
    listener = _Listener(settings.device, exact=_operations(defect))
    with guarded(), torch.backends.mkldnn.flags(enabled=False), listener:
        judged = judge_case(target, case, settings)
    return frozenset((j.check, j.quantity_alike) for j in judged if j.verdict in FAILURES)


def as_passed_on(defect: Defect) -> Defect:
    """The defect as it is reported of what calls torch; it is not expected to show there."""
    what = "matrix product" if _operations(defect) == {_PRODUCT} else "convolution"
    said = f"torch's {what}, which the target calls, has it: {defect.summary}"
    return replace(defect, summary=said, shows=())


def _operations(defect: Defect) -> frozenset[str]:
    """What the defect is one of."""
    of_product = PRODUCT.startswith(defect.targets)
    return frozenset({_PRODUCT} if of_product else {_FORWARD, _BACKWARD})


class _Listener(TorchDispatchMode):
    """Lets everything pass, and remembers which convolutions and matrix products did.

    Those that are to be exact are carried out in float64.
    """

    def __init__(self, device: str, exact: Set[str] = frozenset()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch gives it no types
        self.names: set[str] = set()
        self._exact = exact
        self._key = _KEYS.get(torch.device(device).type)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:  # called by torch
        name = _NAMES.get(func.overloadpacket.__name__)
        if func.namespace == "aten" and name is not None:
            self.names.add(name)
            if name in self._exact:
                return _in_float64(func, args, kwargs or {})
        if func.namespace in {"aten", "prims"} or self._key is None:
            return func(*args, **(kwargs or {}))
        # An operator registered by the target: listen to what its kernel calls, too.
        with self:
            return func.redispatch(self._key, *args, **(kwargs or {}))


def _in_float64(operation: Any, args: Any, kwargs: Any) -> Any:
    """What the operation gives in float64, rounded to the dtype that it was called in."""
    given = [leaf for leaf in tree_leaves((args, kwargs)) if _is_floating(leaf)]
    found = operation(*tree_map(_widened, args), **tree_map(_widened, kwargs))
    dtype = given[0].dtype if given else torch.float64
    return tree_map(lambda leaf: leaf.to(dtype) if _is_floating(leaf) else leaf, found)


def _widened(leaf: Any) -> Any:
    return leaf.to(torch.float64) if _is_floating(leaf) else leaf


def _is_floating(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.is_floating_point()


# By their names at the dispatcher; within a registered operator conv2d is seen as such.
_NAMES = {
    _FORWARD: _FORWARD,
    "conv2d": _FORWARD,
    _BACKWARD: _BACKWARD,
    **dict.fromkeys(("mm", "addmm", "bmm", "baddbmm", "matmul", "linear"), _PRODUCT),
}
# A kernel is called by its device's key.
_KEYS = {
    "cpu": torch._C.DispatchKeySet(torch._C.DispatchKey.CPU),  # noqa: SLF001 (the key has no public name)
    "cuda": torch._C.DispatchKeySet(torch._C.DispatchKey.CUDA),  # noqa: SLF001 (the key has no public name)
}


def _concerned(target: Target, defect: Defect, cases: Sequence[Case]) -> Case | None:
    """A case in which the defect would be met, with both gradients asked for."""
    for case in (*map(Case.parse, defect.shows), *cases):
        if defect.concerns(case):
            both = target.restrict(replace(case, requires_grad="XK"))
            if defect.concerns(both):
                return both
    return None


def _narrowed(defect: Defect, names: frozenset[str]) -> Defect | None:
    """The defect in what the target has torch do; None where that is nothing."""
    if _operations(defect) == {_PRODUCT}:
        return as_passed_on(defect) if _PRODUCT in names else None
    heard = {"Y"} if _FORWARD in names else set()
    heard |= {"dX", "dK", "db"} if _BACKWARD in names else set()
    quantities = tuple(q for q in defect.quantities or ("Y", "dX", "dK", "db") if q in heard)
    return replace(as_passed_on(defect), quantities=quantities) if quantities else None
