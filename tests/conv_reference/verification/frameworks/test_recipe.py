from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from conv_reference.quantities import OPTIONS
from conv_reference.verification import TargetError, Verdict, as_target, verify
from conv_reference.verification.frameworks.recipe import is_adapter

pytestmark = pytest.mark.usefixtures("without_circumstances")


class Numpy:
    """One-by-one kernels in numpy, with its own derivative."""

    sign = 1

    def forward(self, input: Any, weight: Any, bias: Any, **options: Any) -> Any:
        assert options["padding"] == (0, 0)
        assert options["groups"] == 1
        if weight.shape[2:] != (1, 1) or options["stride"] != (1, 1):
            raise NotImplementedError("1×1 only")
        Y = np.einsum("nchw,oc->nohw", input, weight[:, :, 0, 0])
        return Y if bias is None else Y + bias[:, None, None]

    def vjp(self, grad_output: Any, input: Any, weight: Any, bias: Any, **options: Any) -> Any:
        dX = self.sign * np.einsum("nohw,oc->nchw", grad_output, weight[:, :, 0, 0])
        dK = np.einsum("nohw,nchw->oc", grad_output, input)[:, :, None, None]
        return dX, dK, None if bias is None else grad_output.sum((0, 2, 3))


class Wrong(Numpy):
    sign = -1


CASE = "certificate {} n2 c3 h2 w3 o2 k1"


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_an_adapter_is_judged_as_any_other_target(dtype: str) -> None:
    right, wrong = (
        verify(adapter, case=CASE.format(dtype), seed=0) for adapter in (Numpy(), Wrong())
    )
    judged = {check.name: check.verdict for check in right.checks}

    assert right.verdict == Verdict.EXACT
    assert {"forward", "grad_input", "grad_weight", "grad_bias"} <= judged.keys()
    assert [(f.quantity, f.verdict) for f in wrong.findings] == [("dX", Verdict.WRONG)]


def test_what_it_says_it_lacks_is_unsupported() -> None:
    report = verify(Numpy(), case="certificate float32 h2 w2 k2", seed=0)
    assert report.findings == ()
    reasons = {check.name: check.reason for check in report.checks}
    assert reasons["forward"] == "NotImplementedError: 1×1 only"


class RaisesOnPurpose(Numpy):
    """It has no other word for what it does not offer."""

    def forward(self, input: Any, weight: Any, bias: Any, **options: Any) -> Any:
        if options["stride"] != (1, 1):
            raise ValueError("strides are not supported")
        return super().forward(input, weight, bias, **options)


def test_what_it_raises_on_purpose_is_a_refusal() -> None:
    report = verify(RaisesOnPurpose(), case="certificate float32 h2 w2 k1 s2", seed=0)
    assert report.findings == ()
    assert {check.name: check.verdict for check in report.checks}["forward"] == Verdict.UNSUPPORTED


def test_a_dtype_that_is_not_offered_is_not_asked() -> None:
    with pytest.raises(ValueError, match="offers float64, float32, float16, got bfloat16"):
        verify(Numpy(), case=CASE.format("bfloat16"), seed=0)


class ForwardAlone:
    forward = Numpy.forward


class VjpAlone:
    vjp = Numpy.vjp


@pytest.mark.parametrize(
    ("implementation", "message"),
    [
        (ForwardAlone(), "of type ForwardAlone, which lacks vjp; accepted is .* forward and vjp$"),
        (VjpAlone(), "of type VjpAlone, which lacks forward; accepted is "),
        (Numpy, "of type type; accepted is "),
        (object(), "of type object; accepted is "),
    ],
    ids=["vjp", "forward", "a class", "both"],
)
def test_what_is_refused_says_what_it_lacks(implementation: Any, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        as_target(implementation)


class ByAutograd(Numpy):
    """Its gradients come from torch."""

    def vjp(self, grad_output: Any, input: Any, weight: Any, bias: Any, **options: Any) -> Any:
        leaves = [torch.from_numpy(array).requires_grad_() for array in (input, weight)]
        Y = torch.einsum("nchw,oc->nohw", leaves[0], leaves[1][:, :, 0, 0])
        gradients = torch.autograd.grad(Y, leaves, torch.from_numpy(grad_output))
        db = None if bias is None else grad_output.sum((0, 2, 3))
        return *(gradient.numpy() for gradient in gradients), db


def test_an_adapter_may_use_autograd_itself() -> None:
    report = verify(ByAutograd(), case=CASE.format("float32"), seed=0)
    judged = {check.name: check.verdict for check in report.checks}

    assert report.verdict == Verdict.EXACT
    assert judged["grad_input"] == judged["grad_weight"] == Verdict.EXACT


def test_an_adapter_takes_every_option() -> None:
    assert as_target(Numpy()).options == set(OPTIONS)


@pytest.mark.parametrize(
    ("implementation", "adapter"),
    [(Numpy(), True), (Numpy, False), (nn.Conv2d(1, 1, 1), False), (torch.conv2d, False)],
    ids=["an object", "its class", "a layer", "a function"],
)
def test_only_an_object_with_forward_and_vjp_is_one(implementation: Any, adapter: bool) -> None:
    assert is_adapter(implementation) == adapter
