from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.conventions import as_target

SETTINGS = Settings(seed=0, device="cpu")


def threads_in(text: str) -> int:
    """How many threads the target had; afterwards there are as many as before."""
    seen: list[int] = []

    def counting(input: Tensor, weight: Tensor) -> Tensor:
        seen.append(torch.get_num_threads())
        return conv2d(input, weight)

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        judge_case(as_target(counting), Case.parse(text), SETTINGS)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    (count,) = set(seen)
    return count


def test_seven_of_eight_small_cases_have_one_thread() -> None:
    widths = range(3, 11)
    counts = [threads_in(f"certificate float32 h1 w{w} k1 nobias grad=XK") for w in widths]

    assert counts.count(1) == 7
    assert counts.count(3) == 1


def test_large_cases_and_those_about_threads_have_them_all() -> None:
    assert {threads_in(f"certificate float32 n2 c4 h40 w{w} o8 k3 nobias") for w in (40, 41)} == {3}
    assert {threads_in(f"repetition float32 h5 w{w} k2 nobias") for w in (3, 4, 5, 6)} == {3}
