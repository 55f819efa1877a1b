from __future__ import annotations

from pathlib import Path

import pytest

from conv_reference.verification import load_target, verify
from conv_reference.verification.model.result import Verdict

HERE = Path(__file__).parent
EXACT, ROUNDED, WRONG = Verdict.EXACT, Verdict.ROUNDED, Verdict.WRONG

STRANGERS = {
    "functions.py:convolve": (EXACT, "X as HW; K as (kh, kw)"),
    "functions.py:true_convolution": (WRONG, "X as HW; K as (kh, kw)"),
    "functions.py:apply_filter": (EXACT, "the kernel before the input"),
    "functions.py:conv_forward": (EXACT, "the first of its results"),
    "functions.py:conv2d_nhwc": (EXACT, "X as NHWC; K as HWIO; integers for stride"),
    "functions.py:conv_iohw": (EXACT, "K as IOHW; integers for padding"),
    "functions.py:im2col_strided": (WRONG, "integers for stride"),
    "functions.py:im2col_flat": (Verdict.RAISED, ""),
    "functions.py:fft_conv": (ROUNDED, ""),
    "functions.py:last_channel_alone": (WRONG, ""),
    "functions.py:same": (WRONG, ""),
    "layers.py:ConvLayer": (EXACT, "h, w for kernel_size"),
    "layers.py:UnfoldConv": (EXACT, "K as (o, c·kh·kw); integers for kernel_size, padding, stride"),
    "layers.py:NaiveConv": (EXACT, "ks for kernel_size"),
    "layers.py:PaddedOnce": (WRONG, "padding_size for padding"),
    "layers.py:CachedConv": (EXACT, "integers for padding, stride; b for bias"),
    "layers.py:TwiceTheBias": (WRONG, "b for bias"),
}


@pytest.mark.parametrize(("name", "verdict", "called_as"), [(n, *v) for n, v in STRANGERS.items()])
def test_a_stranger_is_judged_as_it_is(name: str, verdict: Verdict, called_as: str) -> None:
    target = load_target(f"{HERE / name}")
    assert called_as in "; ".join(target.called_as)
    report = verify(target, checks="certificate", dtypes="float32", cases=60, seed=0, known=None)
    assert report.verdict == verdict, str(report)
    assert bool(report) == (verdict in {EXACT, ROUNDED})
