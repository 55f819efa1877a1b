from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import faulty
import pytest
import torch
from erring import flipped
from torch import Tensor
from torch.nn.functional import conv2d, unfold
from torch.nn.grad import conv2d_input, conv2d_weight

from conv_reference.verification import verify
from conv_reference.verification.execution import Settings, guarded
from conv_reference.verification.faults import direct
from conv_reference.verification.known.known import SHIPPED, load
from conv_reference.verification.known.relayed import (
    IN_TORCH,
    Beside,
    ListenerBeside,
    between_nans,
    convolved_by_torch,
    errs_again,
    is_right_without,
    judged_beside,
)
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash, Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target

pytestmark = pytest.mark.usefixtures("without_circumstances")

SETTINGS = Settings(seed=0, device="cpu")
REGISTRY = """
[[defect]]
name = "flipped"
summary = "The kernel is flipped."
link = "docs/found/flipped.md"
date = "2026-11-26"
targets = ["torch.nn.functional:conv2d"]
quantities = ["Y", "dX", "dK"]
geometry = "kw == 2"
shows = ["certificate float32 n1 c1 h1 w2 o1 k1x2 values=counting grad=XK nobias"]
"""


class ThroughTorch(torch.autograd.Function):
    """Both passes are torch's, the second under its own name."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(input, weight)
        return conv2d(input, weight)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (G,), (X, K) = grad_outputs, ctx.saved_tensors
        return conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)


class OwnBackward(ThroughTorch):
    """The backward pass, for stride 1, is written out, and wrong."""

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        (G,), (X, K) = grad_outputs, ctx.saved_tensors
        taps = unfold(X, tuple(K.shape[2:])).flip(1)
        dK = torch.einsum("nop,ntp->ot", G.flatten(2), taps)
        return torch.zeros_like(X), dK.reshape(K.shape)


class OwnForward(ThroughTorch):
    """Forward it is by hand, and wrong; dK is twice what it should be."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(input, weight)
        return by_hand(input, weight)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        dX, dK = ThroughTorch.backward(ctx, *grad_outputs)
        return dX, 2 * dK


def by_hand(input: Tensor, weight: Tensor) -> Tensor:
    """Without any convolution of torch's; the first column is taken for every tap."""
    width = input.shape[3] - weight.shape[3] + 1
    return torch.einsum("ncw,oc->now", input[:, :, 0, :width], weight.sum((2, 3)))[:, :, None]


def by_product(input: Tensor, weight: Tensor) -> Tensor:
    """A product of matrices, of one channel, sample and row; and wrong."""
    taps = weight.flatten()
    windows = input.flatten().unfold(0, len(taps), 1)
    return 2 * (windows @ taps[:, None]).reshape(1, 1, 1, -1)


@torch.library.custom_op("conv_reference_tests::conv", mutates_args=())
def registered(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input, weight)


def through_an_operator(input: Tensor, weight: Tensor) -> Any:
    """Torch's convolution within an operator of its own."""
    return registered(input, weight)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    path = tmp_path / "known.toml"
    path.write_text(REGISTRY)
    return path


def doubled(left: Tensor, right: Tensor) -> Tensor:
    """What torch does in the tests: right in float64 alone."""
    product = (left[:, :, None] * right[None]).sum(1)
    return product if left.dtype == torch.float64 else 2 * product


@pytest.fixture
def torch_errs() -> Iterator[None]:
    """Torch's own convolution and its matrix product are wrong in all dtypes but float64."""
    with torch.library._scoped_library("aten", "IMPL") as library, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a kernel is replaced
        library.impl("convolution", flipped, "CPU")
        library.impl("mm", doubled, "CPU")
        yield


@pytest.mark.parametrize(
    ("implementation", "expected"),
    [
        (ThroughTorch, {"convolution", "convolution_backward"}),
        (torch.nn.Conv2d, {"convolution", "convolution_backward"}),
        (OwnBackward, {"convolution", "matrix product"}),
        (through_an_operator, {"convolution"}),
        (by_hand, set()),
        (by_product, {"matrix product"}),
        (lambda input, weight: None, set()),
        (lambda input, weight: 1 / 0, set()),
    ],
)
def test_what_torch_carries_out_is_watched(implementation: Any, expected: set[str]) -> None:
    case = Case.parse("certificate float32 h1 w3 k1x2 nobias grad=XK")

    assert convolved_by_torch(as_target(implementation), case, SETTINGS) == expected
    assert bool(torch._C._get_mkldnn_enabled())


CASE = "certificate float32 n1 c1 h1 w2 o1 k1x2 values=counting grad= nobias"


@pytest.mark.usefixtures("torch_errs")
@pytest.mark.parametrize("implementation", [ThroughTorch, through_an_operator, conv2d])
def test_a_defect_of_torch_that_a_target_passes_on_is_known(
    implementation: Any, registry: Path
) -> None:
    report = verify(implementation, case=CASE, known=registry, seed=0)
    (finding,) = report.findings

    assert report.passed
    assert finding.known == "flipped"
    assert finding.explanation.startswith(
        "torch's convolution, which the target calls, has it: The kernel is flipped."
    )


@pytest.mark.slow
def test_in_a_child_it_is_known_as_well(registry: Path) -> None:
    report = verify("erring:convolve", case=CASE, known=registry, isolate=True, seed=0)
    (finding,) = report.findings

    assert report.passed
    assert finding.known == "flipped"


@pytest.mark.untraced
@pytest.mark.parametrize(
    "isolate",
    [pytest.param(True, id="in a child", marks=pytest.mark.slow), pytest.param(False, id="here")],
)
def test_what_the_target_itself_does_wrong_where_torch_has_a_defect_is_its_own(
    registry: Path, isolate: bool
) -> None:
    """It flips the kernel before it calls torch, which is right here."""
    report = verify(
        "faulty:flipped_kernel" if isolate else faulty.flipped_kernel,
        case=CASE,
        known=registry,
        isolate=isolate,
        seed=0,
    )
    (finding,) = report.findings

    assert not report.passed
    assert finding.known is None


class Flaky:
    """Right but for the first call of a run; what it has torch do is right."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, input: Tensor, weight: Tensor) -> Tensor:
        self.calls += input.shape[3] == 2 and torch._C._get_mkldnn_enabled()
        Y = conv2d(input, weight)
        return 2 * Y if self.calls == 1 else Y


def test_who_fails_now_and_then_is_not_excused_for_being_right_when_asked_again(
    registry: Path,
) -> None:
    flaky = Flaky()
    (finding,) = verify(flaky, case=CASE, known=registry, seed=0).findings

    assert flaky.calls > 1
    assert finding.known is None


def watchful(input: Tensor, weight: Tensor) -> Tensor:
    """Right where torch is made exact, and nowhere else; what it has torch do is right."""
    Y = conv2d(input, weight)
    return 2 * Y if torch._C._get_mkldnn_enabled() else Y


def test_who_is_wrong_where_torch_is_right_is_not_excused(registry: Path) -> None:
    (finding,) = verify(watchful, case=CASE, known=registry, seed=0).findings

    assert finding.known is None


@pytest.mark.usefixtures("torch_errs")
def test_torch_is_seen_to_err_in_what_a_target_has_it_do() -> None:
    (defect,) = [d for d in load(SHIPPED) if d.name == "conv2d-onednn-bfloat16-patches"]
    said: list[Any] = []
    target = replace(as_target(ThroughTorch), about_to=said.append)

    found = judged_beside(target, Case.parse(CASE), (SETTINGS, defect))
    assert found == Beside(frozenset({("forward", "Y")}), torch_errs=True)
    assert IN_TORCH in said
    assert said[-1] != IN_TORCH  # what the process is at when torch is done
    wide = CASE.replace("w2", "w3").replace("k1x2", "k1x3")  # of which torch is not wrong
    assert judged_beside(target, Case.parse(wide), (SETTINGS, defect)) == Beside(frozenset(), False)


WRONG = Judgement("forward", "Y", Verdict.WRONG)
CRASHED = Judgement("forward", "Y", Verdict.CRASHED)
Y = frozenset({("forward", "Y")})


@pytest.mark.parametrize(
    ("judgement", "beside", "expected"),
    [
        (WRONG, Beside(Y, torch_errs=True), True),
        (WRONG, Beside(Y, torch_errs=False), False),
        (WRONG, Beside(frozenset({("grad_weight", "dK")}), torch_errs=True), False),
        (WRONG, Crash("killed by SIGSEGV", asked=IN_TORCH), False),
        (WRONG, None, False),
        (CRASHED, Crash("killed by SIGSEGV", asked=IN_TORCH), True),
        (CRASHED, Crash("killed by SIGSEGV", asked="the target"), False),
        (CRASHED, Crash("killed by SIGSEGV"), False),
        (CRASHED, Beside(Y, torch_errs=True), False),
    ],
)
def test_a_failure_is_torchs_where_torch_errs_alike_once_more(
    judgement: Judgement, beside: Any, expected: bool
) -> None:
    assert errs_again(judgement, beside) is expected


@pytest.mark.parametrize(
    ("exactly", "expected"),
    [(frozenset(), True), (Y, False), (None, False), (Crash("killed by SIGSEGV"), False)],
)
def test_what_fails_without_torchs_errors_is_the_targets(exactly: Any, expected: bool) -> None:
    assert is_right_without(WRONG, exactly) is expected


def parts(input: Tensor, weight: Tensor, stride: Any = 1) -> Tensor:
    """Right, and of mixed parts: an im2col where there is a stride, torch's where there is none."""
    if direct.pair(stride) == (1, 1):
        return conv2d(input, weight)
    return direct.conv2d(input, weight, stride=stride)


@pytest.mark.usefixtures("torch_errs")
def test_a_right_convolution_of_mixed_parts_is_right_but_for_torchs_defect(registry: Path) -> None:
    """The first case that the defect concerns need not be one in which torch is called."""
    report = verify(
        parts, dtypes=["float32"], checks=["forward"], budget=0.3, known=registry, seed=1
    )

    assert {finding.known for finding in report.findings} == {"flipped"}
    assert report.passed


@pytest.mark.usefixtures("torch_errs")
def test_where_the_backward_pass_is_its_own_it_is_judged(registry: Path) -> None:
    case = "certificate float32 n1 c1 h1 w3 o1 k1x2 values=counting grad=XK nobias"
    report = verify(OwnBackward, case=case, known=registry, seed=0)
    known = {(f.quantity, f.known) for f in report.findings}

    assert known == {("Y", "flipped"), ("dX", None), ("dK", None)}


def test_what_calls_nothing_of_torchs_passes_nothing_on(registry: Path) -> None:
    (finding,) = verify(by_hand, case=CASE, known=registry, seed=0).findings

    assert finding.known is None


def test_a_defect_of_torch_is_not_expected_of_what_calls_it(registry: Path) -> None:
    right = verify(ThroughTorch, dtypes="float32", checks="certificate", budget=0.1, known=registry)

    assert right.passed
    assert right.stale == ()


PRODUCTS = """
[[defect]]
name = "rows"
summary = "Rows are wrong."
link = "docs/found/rows.md"
date = "2026-11-26"
targets = ["torch:matmul"]
quantities = ["Y"]
"""


def by_right_product(input: Tensor, weight: Tensor) -> Tensor:
    """A product of matrices, of one channel, sample and row."""
    taps = weight.flatten()
    windows = input.flatten().unfold(0, len(taps), 1)
    return (windows @ taps[:, None]).reshape(1, 1, 1, -1)


@pytest.mark.usefixtures("torch_errs")
@pytest.mark.parametrize(
    ("implementation", "known"),
    [(by_right_product, "rows"), (by_product, None), (by_hand, None)],
)
def test_a_defect_of_the_matrix_product_is_known_of_what_calls_it(
    implementation: Any, known: str | None, tmp_path: Path
) -> None:
    (path := tmp_path / "known.toml").write_text(PRODUCTS)
    case = "certificate float32 n1 c1 h1 w3 o1 k1x2 values=counting grad= nobias"
    (finding,) = verify(implementation, case=case, known=path, seed=0).findings

    assert finding.known == known
    said = "torch's matrix product, which the target calls, has it: Rows are wrong."
    assert finding.explanation.startswith(said) == (known is not None)


def reads_behind(given: Tensor) -> Tensor:
    """The sum, and zero times what lies behind."""
    flat = torch.empty(0, dtype=given.dtype).set_(given.untyped_storage())
    behind = flat[given.storage_offset() + given.numel() :][:1]
    return given.sum() + (behind * 0).sum()


@pytest.mark.parametrize("framing", [False, True])
def test_a_defect_that_reads_past_an_operand_shows_each_time(framing: bool) -> None:
    """Whatever the heap happens to hold there; see docs/found/0006."""
    beside = ListenerBeside("cpu", frozenset(), lambda _: None, framing=framing)
    with guarded():  # as the judge is
        found = beside.carried_out(reads_behind, (torch.ones(3),), {})

    assert bool(found.isnan()) is framing
    assert beside.torch_errs is framing


def test_what_torch_copies_first_is_given_without_gaps_too() -> None:
    """It reads past its own copy, where NaN lies as seldom as anywhere."""

    def reads_on(X: Tensor) -> Tensor:
        if not X.is_contiguous():
            return torch.zeros(1)
        return X.as_strided((1,), (1,), X.storage_offset() + X.numel()) * 0

    assert between_nans(reads_on, (torch.ones(2, 3),), {}).isnan()
    assert between_nans(reads_on, (torch.ones(2, 6)[:, ::2],), {}).isnan()
    assert not between_nans(lambda X: X[:1, 0], (torch.ones(2, 6)[:, ::2],), {}).isnan()
