"""One tiny case put to a target, all of whose sizes differ: what one looks at first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.model.case import CERTIFICATE, Case
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.raised import judged_raised
from conv_reference.verification.trial.returned import intercepted_backward, resized
from conv_reference.verification.trial.trial import TargetRaised, Trial

# X (2, 3, 5, 9), K (5, 3, 2, 4), Y (2, 5, 4, 6) in a convolution.
GEOMETRY = "n2 c3 h5 w9 o5 k2x4"
# For targets that refuse even kernels, or unequal sides.
ODD = ("n2 c3 h6 w10 o5 k3x5", "n2 c3 h6 w10 o5 k3x3")


def tiny_judgements(target: Target) -> list[Judgement]:
    """Y and each gradient of the tiny case, or of the nearest that the target can be asked for."""
    return _of_sizes(target, GEOMETRY)


def further_judgements(target: Target) -> tuple[str, list[Judgement]]:
    """Where the tiny case is refused: the first of odd kernels that is not, and its verdicts.

    Returns:
        The kernel's size, and the judgements; of none that is answered both are empty.
    """
    for text in ODD:
        found = _of_sizes(target, text)
        if all(judgement.thrown is None for judgement in found):
            return text.rpartition(" k")[2], found
    return "", []


def _of_sizes(target: Target, text: str) -> list[Judgement]:
    """The judgements of the nearest case that the target can be asked for; each names it."""
    # Numpy's own dtype; many of its functions answer in that whatever they are given.
    dtype = torch.float64 if target.over_arrays else torch.float32
    geometry = Geometry.parse(text)
    case = target.restrict(Case(check=CERTIFICATE, geometry=geometry, dtype=dtype))
    return [replace(judgement, case=case) for judgement in _judgements(target, case)]


def _judgements(target: Target, case: Case) -> Iterator[Judgement]:
    trial = Trial(target, case, 0, torch.device("cpu"))
    call = trial.call()
    raised = None
    with intercepted_backward(call.leaves) as misfits:
        try:
            observed = observe(call)
        except TargetRaised as error:
            raised, observed = error, error.observed
    expected = trial.expect()
    of_another_shape = {m.leaf: m for m in misfits if m.leaf and m.is_resized}
    for name, actual in observed.items():
        if name not in of_another_shape:
            yield trial.judge(name, name, actual, expected[name])
    for name, misfit in of_another_shape.items():
        yield resized(name, name, misfit)
    if raised is not None and not of_another_shape:
        yield judged_raised(raised.quantity, raised, trial)
