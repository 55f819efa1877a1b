"""What really ran: the versions and settings that a result depends on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from conv_reference.verification import accelerator

# The instruction sets that oneDNN has convolutions for, each with the least of its levels
# (ONEDNN_MAX_CPU_ISA) that uses them.
_INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512_f": "AVX512_CORE",
    "avx512_bf16": "AVX512_CORE_BF16",
    "avx512_fp16": "AVX512_CORE_FP16",
    "amx_bf16": "AVX512_CORE_AMX",
}
_LEVELS = (
    "SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI",
    "AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX512_CORE_AMX",
)  # fmt: skip


def environment(device: str) -> dict[str, str]:
    """Versions, processor and settings, as text."""
    found = {
        "conv-reference": _version(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "machine": platform.machine(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "oneDNN": "on" if _onednn() else "off",
        "instructions": _instructions() or "unknown",
        "device": device,
        "threads": str(torch.get_num_threads()),
        "float32 products": str(accelerator.float32_products()),
        "cores": str(os.cpu_count()),
    }
    if accelerator.is_another(device):  # what the processor's kernels do there shows nowhere
        found |= {"oneDNN": "not used", "instructions": "not used"}
        found |= accelerator.settings(None, device, None)
    return found


def _version() -> str:
    """Of this package: another one may judge otherwise."""
    try:
        return version("conv-reference")
    except PackageNotFoundError:  # a copy that was not installed
        return "unknown"


def _onednn() -> bool:
    mkldnn: Any = torch.backends.mkldnn
    return bool(mkldnn.is_available() and getattr(mkldnn, "enabled", True))


def _instructions() -> str:
    """What oneDNN's kernels may use here: the processor's, as far as the user permits."""
    capabilities: Any = getattr(torch.cpu, "get_capabilities", dict)()
    permitted = os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", ""))
    known = permitted.upper() in _LEVELS
    levels = _LEVELS[: _LEVELS.index(permitted.upper()) + 1] if known else _LEVELS
    return " ".join(
        name for name, level in _INSTRUCTIONS.items() if capabilities.get(name) and level in levels
    )


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
