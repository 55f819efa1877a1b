"""What really ran: the versions and settings that a result depends on."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch


def environment(device: str) -> dict[str, str]:
    """Versions, processor and settings, as text."""
    found = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "machine": platform.machine(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "oneDNN": "on" if _onednn() else "off",
        "device": device,
        "threads": str(torch.get_num_threads()),
        "float32 products": torch.get_float32_matmul_precision(),
        "cores": str(os.cpu_count()),
    }
    kind = torch.device(device).type
    if kind == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
        cudnn: Any = torch.backends.cudnn
        found["cudnn"] = str(cudnn.version())
    return found


def _onednn() -> bool:
    mkldnn: Any = torch.backends.mkldnn
    return bool(mkldnn.is_available() and getattr(mkldnn, "enabled", True))


def usable_device(device: str | torch.device) -> str:
    """The device in full, as ``cuda:0``.

    Raises:
        ValueError: when there is none of that name here.
    """
    try:
        return str(torch.empty(0, device=device).device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        # torch's own words, the first line of them
        raise ValueError(f"no device {str(device)!r} here: {str(error).splitlines()[0]}") from error
