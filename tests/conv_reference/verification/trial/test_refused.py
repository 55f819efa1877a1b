"""What is a refusal of a target's, and what is a fault of its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from conv_reference.geometry import Geometry
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import CERTIFICATE, Case
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.refused import is_refusal
from conv_reference.verification.trial.trial import TargetRaised, target_code

Array = Any


def swapped(X: Array, W: Array, stride: Any = (1, 1)) -> Array:
    """The strides are exchanged: a window at the edge is cut, and numpy says so."""
    (sh, sw), (kh, kw) = stride, W.shape[2:]
    size = (X.shape[2] - kh) // sh + 1, (X.shape[3] - kw) // sw + 1
    Y = np.zeros((len(X), len(W), *size), dtype=X.dtype)
    for i, j in np.ndindex(*size):
        window = X[:, :, i * sw : i * sw + kh, j * sh : j * sh + kw]
        Y[:, :, i, j] = np.tensordot(window, W, ([1, 2, 3], [1, 2, 3]))
    return Y


def asserting(X: Array, W: Array, stride: Any = (1, 1)) -> Array:
    """A row is lost, and seen to be lost at the end, as a course has its students do."""
    (sh, sw), (kh, kw) = stride, W.shape[2:]
    windows = np.lib.stride_tricks.sliding_window_view(X, (kh, kw), (2, 3))
    Y = np.einsum("nchwij,ocij->nohw", windows[:, :, : 1 - sh or None : sh, ::sw], W)
    expected = (X.shape[2] - kh) // sh + 1, (X.shape[3] - kw) // sw + 1
    assert Y.shape == (len(X), len(W), *expected)
    return Y


def declaring(X: Array, W: Array, stride: Any = (1, 1)) -> Array:
    """It looks at shapes, and at nothing else, before it refuses."""
    W = np.reshape(W, np.shape(W))
    if np.ndim(X) == 4 and np.asarray(X).shape[1] == W.shape[1] and max(stride) > 1:
        raise ValueError("strides are not supported")
    return swapped(X, W)


@pytest.mark.parametrize(
    ("function", "refused"),
    [(swapped, False), (asserting, False), (declaring, True)],
)
def test_numpys_own_complaint_is_no_refusal_nor_is_one_after_computing(
    function: Any, refused: bool
) -> None:
    case = Case(
        check=CERTIFICATE,
        geometry=Geometry.parse("n1 c2 h7 w7 o2 k3 s3x2"),
        dtype=torch.float64,
        requires_grad="",
    )
    target = as_target(function)
    assert target.over_arrays
    trial = Settings(seed=0, device="cpu").trial(target, case)
    with pytest.raises(TargetRaised) as raised, target_code("Y"):
        trial.call().forward()
    assert is_refusal(trial, raised.value) == refused
