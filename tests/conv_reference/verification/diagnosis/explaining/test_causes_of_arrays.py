"""What is guessed of functions over arrays, in which torch has no part."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from conv_reference.verification.diagnosis.explaining.causes import guess_of_kind
from conv_reference.verification.execution import guarded
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.trial.trial import Trial

Array = Any


def narrow(x: Array, w: Array) -> Array:
    """Its answer is in float32, of whatever it is given."""
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))
    return np.einsum("nchwij,ocij->nohw", windows.astype(np.float32), w.astype(np.float32))


def test_a_result_of_one_dtype_is_not_laid_to_a_default_of_torchs() -> None:
    case = Case.parse("certificate float64 h3 w3 k2 grad= nobias")
    trial = Trial(as_target(narrow), case, 0, torch.device("cpu"))
    with guarded():
        said = guess_of_kind(trial, "Y")
    assert said == "Perhaps the result is made in float32, whatever it is given."
