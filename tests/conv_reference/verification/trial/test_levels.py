"""What a call leaves entered is undone and reported; the engine itself never fails on a target."""

from __future__ import annotations

import odd
import pytest
import torch
from judging import judged
from torch.nn.functional import conv2d
from torch.utils import _python_dispatch
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from conv_reference.verification.checks import Sample, all_checks
from conv_reference.verification.model.result import FAILURES, Verdict
from conv_reference.verification.trial.levels import entered, undone

SIZES = "n2 c2 h4 w5 o2 k2"
ODD = odd.ANSWERS | odd.THROWN | odd.LEFT | {"no directory": odd.working_directory_gone}
REFUSING = frozenset(odd.THROWN)
SAID = {
    "function_mode": "a mode over torch's functions was left entered: _Mode",
    "zeroing_mode": "a mode over torch's functions was left entered: _Zeroing",
    "dispatch_mode": "a mode over torch's operators was left entered: _Dispatch",
    "fake_mode": "a mode over torch's operators was left entered: FakeTensorMode",
    "meta_device": "a mode over torch's functions was left entered: DeviceContext",
    "vmap_level": "a transform of torch.func was left entered",
    "dual_level": "a dual level was left entered",
    "saved_tensor_hooks": "hooks of saved tensors were left entered",
}


@pytest.fixture(autouse=True)
def counted_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever two threads of an earlier test have left torch's own count at."""
    monkeypatch.setattr(_python_dispatch, "_is_in_torch_dispatch_mode", False)


@pytest.mark.parametrize("name", odd.LEFT)
def test_what_is_left_entered_is_wrong_and_undone(name: str) -> None:
    before = entered()
    (found,) = judged(odd.LEFT[name], f"certificate float32 {SIZES}")
    assert (found.verdict, found.explanation) == (Verdict.WRONG, SAID[name])
    assert entered() == before
    assert not [j for j in judged(conv2d, f"certificate float64 {SIZES}") if not j.is_exact]


@pytest.mark.parametrize("name", odd.LEFT)
def test_levels_are_told_from_those_that_were_there(name: str) -> None:
    with odd.Passing():
        before = entered()
        assert undone(before) == ""
        odd.LEFT[name](torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 1))
        assert undone(before) == SAID[name]
        assert entered() == before


@pytest.mark.parametrize("name", odd.LEFT)
def test_afterwards_torch_counts_no_mode(name: str) -> None:
    """It counts in Python, too: by a wrong count its compiler compiles a function for each call."""
    before = entered()
    odd.LEFT[name](torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 1))
    undone(before)
    assert not is_in_torch_dispatch_mode()


def test_a_count_that_two_threads_left_wrong_is_set_right_and_no_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = entered()
    monkeypatch.setattr(_python_dispatch, "_is_in_torch_dispatch_mode", True)
    assert undone(before) == ""
    assert not is_in_torch_dispatch_mode()


_OF_LAYERS = {
    "copied_layer",
    "reloaded_layer",
    "evaluation",
    "options_set_back",
    "padding_modes",
}  # or of who takes the word


def _every_check() -> list[str]:
    return [
        name
        for name, check in all_checks().items()
        if check.sample != Sample.REQUEST and name not in _OF_LAYERS
    ]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("check", ["certificate", "additivity", "stride_subsampling", "jvp"])
def test_the_engine_does_not_fail(name: str, check: str) -> None:
    judged(ODD[name], f"{check} float32 n2 c2 h5 w5 o2 k2 s2")


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_the_engine_fails_in_no_check(name: str) -> None:
    verdicts = set()
    for check in _every_check():
        if all_checks()[check].rows[0].geometries:
            continue
        dtype = "float64" if check == "gradgradcheck" else "float32"
        found = judged(ODD[name], f"{check} {dtype} {SIZES}")
        verdicts |= {judgement.verdict for judgement in found}
    # A raise of the target's own, whatever it is asked, is a refusal, and no fault.
    assert verdicts == {Verdict.UNSUPPORTED} if name in REFUSING else verdicts & FAILURES
