"""Modes of use: without gradients, in inference mode, and a layer in evaluation.

Each may take a path of its own through an implementation: fused, folded, cached.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.answers import type_name
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.agreement import against_oracle
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial, target_code, under

_MODES = {
    torch.no_grad: "under torch.no_grad",
    torch.inference_mode: "under torch.inference_mode",
}


@check(
    Row(
        "without_gradients",
        "Y is the same under torch.no_grad and torch.inference_mode, and has no graph there.",
        "A fast path for inference is one that no test of gradients takes.",
        "a fast path for inference that leaves out what training does (a class of faults)",
    ),
    traits=Traits(sample=Sample.MODES, graph=True, times=2),
)
def without_gradients(trial: Trial) -> Iterator[Judgement]:
    """Y of operands that ask for gradients, and of tensors made in inference mode."""
    call = trial.call()
    for mode, said in _MODES.items():
        with mode(), under(said), target_code("Y"):
            Y = call.forward()
        yield from against_oracle(trial, "without_gradients", {"Y": Y}, said)
        yield from _with_a_graph("without_gradients", Y, said)
    said = "under torch.inference_mode, of tensors made there"
    with torch.inference_mode(), under(said):
        inside = trial.call(requires_grad="")
        with target_code("Y"):
            Y = inside.forward()
    yield from against_oracle(trial, "without_gradients", {"Y": Y}, said)


def _with_a_graph(row: str, Y: Any, said: str) -> Iterator[Judgement]:
    """A Y that requires gradients where none are to be recorded: memory for each call.

    The mode belongs to a thread, so that a worker that computes Y does not have it.
    """
    if isinstance(Y, Tensor) and Y.requires_grad:
        explanation = f"{said}: Y should have no graph, requires gradients, and holds a graph"
        found = whole(row, "Y", "without a graph", "with one", explanation)
        yield replace(found, cause=_NOT_INHERITED)


_NOT_INHERITED = (
    "Perhaps Y is computed in another thread, which has its own mode, or under torch.enable_grad."
)


def _another(returned: Any) -> Judgement:
    """Torch's own modules return themselves, and so ``layer.eval()(x)`` is written."""
    gave = "None" if returned is None else f"a {type_name(returned)}"
    why = f"eval() should return the layer, returns {gave}"
    return whole("evaluation", "Y", "the layer", gave, why)


def no_layer(target: Target) -> str | None:
    """Why a check of layers cannot be put to a target; None where it can."""
    return None if target.is_module else "it is no layer, and so has no mode of evaluation"


@check(
    Row(
        "evaluation",
        "A layer in eval() gives the same Y, dX, dK and db, and again when back in train(); its "
        "hooks run in both.",
        "What is trained in one mode is deployed in the other.",
        "weights folded or packed for evaluation, wrongly (a class of faults)",
    ),
    traits=Traits(sample=Sample.MODES, cannot=no_layer, concerns=lambda target: target.is_module),
)
def evaluation(trial: Trial) -> Iterator[Judgement]:
    """In evaluation with gradients and without, and in training after it."""
    call = trial.call()
    layer = call.layer
    assert layer is not None  # or the check is unsupported
    for mode, said in ((False, "in eval()"), (True, "back in train()")):
        with under(said):
            with target_code("Y"):
                itself: Any = layer.train() if mode else layer.eval()
            found = observe(call)
        if itself is not layer and not mode:
            yield _another(itself)
        yield from against_oracle(trial, "evaluation", found, said)
        ran = _Ran()
        with torch.no_grad(), under(f"{said} under torch.no_grad"), ran.of(layer), target_code("Y"):
            Y = call.forward()
        yield from against_oracle(trial, "evaluation", {"Y": Y}, f"{said} under torch.no_grad")
        yield from _with_a_graph("evaluation", Y, f"{said} under torch.no_grad")
        yield from ran.judged(said)


class _Ran:
    """How often a layer's hooks ran in one call."""

    def __init__(self) -> None:
        self.times = {"forward_pre_hook": 0, "forward_hook": 0}

    @contextmanager
    def of(self, layer: nn.Module) -> Iterator[None]:
        """Around the call."""
        before = layer.register_forward_pre_hook(partial(self._count, "forward_pre_hook"))
        behind = layer.register_forward_hook(partial(self._count, "forward_hook"))
        with before, behind:  # which removes them
            yield

    def _count(self, name: str, *_: Any) -> None:
        self.times[name] += 1

    def judged(self, said: str) -> Iterator[Judgement]:
        """What does not run its hooks: whoever reads features by them reads none."""
        silent = " and ".join(f"register_{name}" for name, times in self.times.items() if not times)
        if silent:
            why = f"{said}: what {silent} was given should run once, did not run"
            yield whole("evaluation", "Y", "hooks that run", "none", why)
