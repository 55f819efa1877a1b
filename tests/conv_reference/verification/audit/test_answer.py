from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode

from conv_reference.verification.audit.answer import held
from conv_reference.verification.model.case import DTYPES, Layout
from conv_reference.verification.trial.layouts import collapse, lay_out


@given(
    st.sampled_from(sorted(DTYPES)),
    st.sampled_from(list(Layout)),
    st.tuples(*[st.integers(0, 3)] * 4),
)
def test_what_a_tensor_holds_is_read_whatever_its_layout(
    dtype: str, layout: Layout, shape: tuple[int, int, int, int]
) -> None:
    if layout == Layout.EXPANDED and 0 in shape:
        return
    plain = torch.arange(1, 1 + torch.Size(shape).numel()).reshape(shape).to(DTYPES[dtype])
    plain = collapse(plain, layout)
    laid = lay_out(plain, layout)
    wanted = plain.contiguous().view(torch.uint8).numpy().tobytes() if plain.numel() else b""
    assert held(laid) == (shape, dtype, wanted)


class _Lies(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        return 0


def test_no_mode_is_asked() -> None:
    tensor = torch.tensor([[1.5, 2.5]], dtype=torch.float64)
    honest = (1, 2), "float64", tensor.numpy().tobytes()
    with _Lies():
        assert held(tensor) == honest


class Own(torch.Tensor):
    pass


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "no gradient"),
        ([1.0], "list"),
        (torch.zeros(2).as_subclass(Own), "Own"),
        (torch.zeros(2).to_sparse(), "a tensor of layout torch.sparse_coo"),
    ],
)
def test_what_is_no_plain_tensor_is_told_as_what_it_is(value: object, said: str) -> None:
    assert held(value) == said
