from __future__ import annotations

import pytest
import torch

from conv_reference.verification.trial.environment import environment, usable_device

SERVER = {
    "avx2": True,
    "avx512_f": True,
    "avx512_bf16": True,
    "avx512_fp16": True,
    "amx_bf16": True,
}
DESKTOP = {"avx2": True, "avx512_f": False}


@pytest.mark.parametrize(
    ("processor", "permitted", "instructions"),
    [
        (SERVER, None, "avx2 avx512_f avx512_bf16 avx512_fp16 amx_bf16"),
        (SERVER, "ALL", "avx2 avx512_f avx512_bf16 avx512_fp16 amx_bf16"),
        (SERVER, "AVX512_CORE_FP16", "avx2 avx512_f avx512_bf16 avx512_fp16"),
        (SERVER, "avx512_core_vnni", "avx2 avx512_f"),
        (SERVER, "AVX2", "avx2"),
        (SERVER, "SSE41", "unknown"),
        (DESKTOP, "AVX512_CORE_AMX", "avx2"),
        ({}, None, "unknown"),
    ],
)
def test_instructions_are_the_processors_as_far_as_the_user_permits(
    processor: dict[str, bool],
    permitted: str | None,
    instructions: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: processor, raising=False)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)
    if permitted is not None:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", permitted)
    assert environment("cpu")["instructions"] == instructions


def test_an_older_torch_that_does_not_tell_them_leaves_them_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert environment("cpu")["instructions"] == "unknown"


def test_a_device_is_told_in_full() -> None:
    assert usable_device("cpu") == "cpu"


def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(ValueError, match="no device 'nowhere' here: "):
        usable_device("nowhere")
