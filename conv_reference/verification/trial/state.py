"""The state of the process that a call may change: reported by a check, put back by the engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from conv_reference.verification import accelerator

_SUBNORMAL = 5e-324


@dataclass(frozen=True)
class State:
    """One setting."""

    name: str
    get: Callable[[], Any]
    put_back: Callable[[Any], Any] | None = None  # None where it is only reported


def _flushes_subnormals() -> bool:
    """Whether the processor takes subnormal numbers for zero, as torch can have it do."""
    return _SUBNORMAL * 1.0 == 0.0


def _onednn_enabled() -> bool:
    return bool(torch._C._get_mkldnn_enabled())  # noqa: SLF001 (setting its public flag warns)


def _enable_onednn(enabled: bool) -> None:
    torch._C._set_mkldnn_enabled(enabled)  # noqa: SLF001 (as above)


def _deterministic() -> tuple[bool, bool]:
    enabled = torch.are_deterministic_algorithms_enabled()
    return enabled, torch.is_deterministic_algorithms_warn_only_enabled()


def _set_deterministic(modes: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(modes[0], warn_only=modes[1])


def _set_autocast(enabled: bool) -> None:
    torch.set_autocast_enabled("cpu", enabled)


def _working_directory() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 (a path object costs ten times as much, at each case)
    except OSError:  # it is gone
        return ""


def _change_directory(folder: str) -> None:
    if folder:
        os.chdir(folder)


# The random states are not put back: a fault that strikes at random would then strike at the same
# place of every case. The default device and modes are seen by ``target_code`` itself.
STATES = (
    State("default dtype", torch.get_default_dtype, torch.set_default_dtype),
    State("gradient mode", torch.is_grad_enabled, torch.set_grad_enabled),
    State("inference mode", torch.is_inference_mode_enabled),
    State("torch's random state", torch.get_rng_state),
    State("numpy's random state", lambda: tuple(np.random.get_state())[1:3]),
    State("number of threads", torch.get_num_threads, torch.set_num_threads),
    State("deterministic algorithms", _deterministic, _set_deterministic),
    State(
        "float32 precision",
        accelerator.float32_products,
        accelerator.set_float32_products,
    ),
    State("anomaly mode", torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    State("autocast", lambda: torch.is_autocast_enabled("cpu"), _set_autocast),
    State("flushing of subnormals", _flushes_subnormals, torch.set_flush_denormal),
    State("oneDNN", _onednn_enabled, _enable_onednn),
    State("cuDNN's settings", accelerator.cudnn, accelerator.set_cudnn),
    State("working directory", _working_directory, _change_directory),
)
