from __future__ import annotations

from pathlib import Path

import pytest
import torch
from _pytest.mark import ParameterSet
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference.verification import load_target, verify
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.plan.plan import plan
from conv_reference.verification.plan.request import Request
from conv_reference.verification.report.groups import groups
from conv_reference.verification.target.candidates import candidates
from conv_reference.verification.target.loading import load_module
from conv_reference.verification.target.names import completed
from conv_reference.verification.work import wire

pytestmark = pytest.mark.usefixtures("without_circumstances")

HERE = Path(__file__).parent
SMALL = "n1 c2 h5 w4 o3 k2x2 s1 p0 d1 g1"
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
    "functions.py:by_sides": (EXACT, "pad_top, pad_bottom, pad_left, pad_right for padding"),
    "functions.py:sides_exchanged": (WRONG, "pad_t, pad_b, pad_l, pad_r for padding"),
    "functions.py:onnx_conv": (EXACT, "(top, left, bottom, right) for padding"),
    "functions.py:square": (EXACT, "kernels of equal sides alone, for it raises on others"),
    "functions.py:one_map": (EXACT, "X as CHW, Y as HW; K as (c, kh, kw)"),
    "functions.py:winograd": (EXACT, ""),
    "functions.py:with_keywords": (EXACT, "integers for padding, stride"),
    "functions.py:with_keys": (EXACT, ""),
    "by_hand.py:Conv.forward": (EXACT, "backward for the gradients"),
    "by_hand.py:UpsideDown.forward": (WRONG, "backward for the gradients"),
    "by_hand.py:Sandwich.forward": (EXACT, "backward for the gradients"),
    "layers.py:SetUp": (EXACT, "integers for padding, stride"),
    "layers.py:SetUpWrongly": (WRONG, "integers for padding, stride"),
    "layers.py:HalfOnEachSide": (WRONG, "TensorFlow's SAME or VALID for padding"),
    "layers.py:LinearOnPatches": (EXACT, "K as (o, c·kh·kw)"),
    "arrays.py:conv_forward": (EXACT, "conv_param['stride'] for stride"),
    "arrays.py:forward_nhwc": (EXACT, "X as NHWC; K as HWIO; b as (1, 1, 1, o)"),
    "arrays.py:Conv2d": (EXACT, "integers for kernel_size, stride"),
    "arrays.py:Overwritten": (WRONG, "integers for kernel_size, stride"),
    "arrays.py:Convolutional": (EXACT, "X as CHW"),
    "arrays.py:correlate": (EXACT, "X as HW, Y as HWC; K as (o, kh, kw)"),
    "arrays.py:Convolution": (EXACT, "integers for padding, stride"),
    "arrays.py:cross_correlate": (EXACT, "integers for stride"),
    "arrays.py:MadeLate": (EXACT, "X as NHW; K as (kh, kw); kh, kw for kernel_size"),
    "arrays.py:layer_forward": (Verdict.RAISED, "K as HWIO; b as (1, 1, 1, o)"),
    "benchmark.py:ModelNew": (EXACT, ""),
    "layers.py:ConvLayer": (EXACT, "h, w for kernel_size"),
    "layers.py:KernelAlone": (EXACT, "X as HW; K as (kh, kw)"),
    "layers.py:UnfoldConv": (EXACT, "K as (o, c·kh·kw); integers for kernel_size, padding, stride"),
    "layers.py:NaiveConv": (EXACT, "ks for kernel_size"),
    "layers.py:PaddedOnce": (WRONG, "padding_size for padding"),
    "layers.py:CachedConv": (EXACT, "integers for padding, stride; b for bias"),
    "layers.py:TwiceTheBias": (WRONG, "b for bias"),
    "layers.py:ChannelsLast": (
        EXACT,
        "X as NHWC; K as HWIO; TensorFlow's SAME or VALID for padding",
    ),
    "arrays.py:square_forward": (WRONG, "square_backward for the gradients"),
    "arrays.py:zeros_between": (EXACT, "its dilation counts the zeros between taps"),
    "arrays.py:Whole": (EXACT, "(c, kh, kw) for the kernel's size"),
    "arrays.py:FourSizes": (EXACT, "(kh, kw, c, o) for the kernel's size"),
    "arrays.py:OfShape": (
        EXACT,
        "(o, kh, kw, c) for the kernel's size; TensorFlow's SAME or VALID for padding",
    ),
    "arrays.py:odd_or_none": (EXACT, "X as HW; K as (kh, kw)"),
    "layers.py:StaticSame": (EXACT, "a padding of its own, TensorFlow's SAME"),
    "layers.py:DynamicSame": (EXACT, "a padding of its own, TensorFlow's SAME"),
    "arrays.py:Columns": (EXACT, "n_filters for out_channels"),
    "arrays.py:WithoutBackward": (EXACT, "X as HW; K as (kh, kw)"),
    "layers.py:BiasDemanded": (EXACT, ""),
    "layers.py:OptionsInAList": (EXACT, "integers for dilation, padding, stride"),
    "layers.py:SquareImages": (Verdict.RAISED, "integers for kernel_size"),
    "arrays.py:OddAlone": (EXACT, "(c, kh, kw) for the kernel's size; a padding of its own, half"),
    "courses.py:ColumnLists": (EXACT, "c_in for in_channels"),
    "courses.py:LastWindowAlone": (WRONG, "c_in for in_channels"),
    "courses.py:Conv2D": (EXACT, "X as HWC; K as HWIO"),
    "courses.py:DataLayer": (EXACT, "integers for padding, stride"),
    "courses.py:InPlace": (WRONG, "'conv' for name"),
    "courses.py:LabelsBeside": (EXACT, "None for y of its backward pass"),
    "courses.py:LabelsNeeded": (EXACT, "no call of its backward pass, which must be given y"),
    "courses.py:OwnOptimizer": (
        EXACT,
        "the gradient of X alone, for an optimizer of its own steps",
    ),
    "courses.py:DXTwice": (WRONG, "the gradient of X alone, for an optimizer of its own steps"),
    "courses.py:OwnRate": (EXACT, "its learning rate set to 1, for the gradients of K and b"),
    "courses.py:KernelsStepThrice": (WRONG, "its learning rate set to 1"),
    "courses.py:OwnMomentum": (EXACT, "the gradient of X alone"),
    "courses.py:SameByWord": (WRONG, "TensorFlow's SAME or VALID for padding"),
    "courses.py:nested": (EXACT, "X as HW; K as (kh, kw)"),
    "parts.py:Layer": (EXACT, "integers for kernel_size"),
    "parts.py:made": (EXACT, ""),
    "parts.py:mirrored": (WRONG, ""),
    "parts.py:circular": (EXACT, ""),
    "set_up.py:Conv2D": (EXACT, "an optimizer that keeps the gradients which it is handed"),
    "set_up.py:AfterItsStep": (WRONG, "n_filters for out_channels"),
    "depthwise.py:depthwise_forward": (
        EXACT,
        "X as NHWC; K as (kh, kw, c), one kernel for each channel; integers for padding, stride",
    ),
    "depthwise.py:depthwise_conv2d": (EXACT, "K as (kh, kw, c, 1), one kernel for each channel"),
    "depthwise.py:rows_alone": (WRONG, "X as NHWC; K as (kh, kw, c), one kernel for each"),
    "depthwise.py:tap_by_tap": (EXACT, "K as (c, 1, kh, kw), one kernel for each channel"),
    "depthwise.py:by_groups": (EXACT, "K as (c, 1, kh, kw), one kernel for each channel"),
    "depthwise.py:each_alone": (EXACT, "K as (c, kh, kw), one kernel for each channel"),
    "depthwise.py:on_one_image": (EXACT, "X as CHW; K as (c, kh, kw), one kernel for each channel"),
    "depthwise.py:over_windows": (EXACT, "one kernel for each channel; integers for stride"),
    "depthwise.py:first_kernel_for_all": (WRONG, "K as (c, 1, kh, kw), one kernel for each"),
    "depthwise.py:upside_down": (WRONG, "K as (c, 1, kh, kw), one kernel for each channel"),
    "depthwise.py:sum_forgotten": (WRONG, ""),
    "depthwise.py:DepthwiseConv2d": (EXACT, "K as (c, 1, kh, kw), one kernel for each channel"),
    "depthwise.py:PaddedAbove": (WRONG, "K as (c, 1, kh, kw), one kernel for each channel"),
    "depthwise.py:DepthwiseLayer": (EXACT, "K as (c, 1, kh, kw), one kernel for each channel"),
    "depthwise.py:TransposedBack": (WRONG, "K as (c, 1, kh, kw), one kernel for each channel"),
    "handed.py:Filtering": (EXACT, "integers for padding, stride"),
    "handed.py:FilteringOnItsSide": (WRONG, "its kernel handed to its forward"),
    "handed.py:Correlation": (EXACT, "its kernel handed to its forward"),
    "handed.py:Operation": (EXACT, "its kernel handed to its __call__"),
    "handed.py:LastStepAlone": (WRONG, "its kernel handed to its __call__"),
    "handed.py:LeavesItsOwn": (EXACT, "its kernel handed to its __call__"),
    "one_line.py:KernelOnItsSide": (WRONG, "integers for stride"),
    "one_line.py:cut_alike": (WRONG, ""),
    "one_line.py:bias_by_rows": (WRONG, ""),
    "one_line.py:stride_and_groups": (WRONG, ""),
}
# Of the wrong ones: how many faults each has, where it is not one.
FAULTS = {
    "functions.py:same": 2,  # its padding, and a ReLU
    "one_line.py:stride_and_groups": 2,
}


# One of each manner is judged at once; the others when all is.
AT_ONCE = {
    "by_hand.py:UpsideDown.forward",
    "functions.py:onnx_conv",
    *("functions.py:conv2d_nhwc", "functions.py:im2col_strided", "functions.py:im2col_flat"),
    *("arrays.py:Conv2d", "layers.py:CachedConv", "handed.py:FilteringOnItsSide"),
    *("depthwise.py:first_kernel_for_all", "depthwise.py:DepthwiseConv2d"),
    "depthwise.py:sum_forgotten",
    "courses.py:KernelsStepThrice",
}


def marked(name: str, *values: object) -> ParameterSet:
    return pytest.param(name, *values, marks=() if name in AT_ONCE else pytest.mark.slow, id=name)


@pytest.mark.parametrize(
    ("name", "verdict", "called_as"), [marked(n, *v) for n, v in STRANGERS.items()]
)
def test_a_stranger_is_judged_as_it_is(name: str, verdict: Verdict, called_as: str) -> None:
    target = load_target(f"{HERE / name}")
    assert called_as in "; ".join(target.called_as)
    # What numpy's loops make of float32 is float64 more often than not.
    dtype = "float64" if target.over_arrays else "float32"
    report = verify(target, checks="certificate", dtypes=dtype, cases=60, seed=0, known=None)
    assert report.verdict == verdict, str(report)
    assert bool(report) == (verdict in {EXACT, ROUNDED})
    faults = 0 if report else FAULTS.get(name, 1)
    assert len(groups(report.findings)) == faults, str(report)


def test_who_computes_each_channel_alone_is_judged_there_and_said_to_be() -> None:
    target = load_target(f"{HERE}/depthwise.py:DepthwiseConv2d")
    assert target.convention == "input=NCHW weight=C1HW integers=none"
    again = load_target(f"{HERE}/depthwise.py:DepthwiseConv2d@{target.convention}")
    assert again.called_as == target.called_as
    assert target.tried_where == "g == c and o == c"
    assert target.never_varied == ("bias", "dilation")


def test_one_channel_alone_is_said_where_a_verdict_is() -> None:
    target = load_target(f"{HERE}/functions.py:convolve")
    report = verify(target, checks="certificate", dtypes="float32", cases=10, seed=0, known=None)
    called, *_, last = [
        line for line in str(report).splitlines() if "channels" in line or "==" in line
    ]
    assert "channels (c == o == 1)" in called
    assert "where c == o == 1" in last


def test_one_fault_of_a_padding_word_is_one_finding() -> None:
    target = load_target(f"{HERE}/functions.py:half_on_each_side")
    assert "TensorFlow's SAME or VALID for padding" in target.called_as
    checks = ["certificate", "degenerate"]
    report = verify(target, checks=checks, dtypes="float32", cases=60, seed=0, known=None)
    assert "wrong (1 finding)" in str(report), str(report)


def test_a_bias_without_a_default_is_always_given_and_said_to_be() -> None:
    target = load_target(f"{HERE}/layers.py:BiasDemanded")
    assert target.always_biased
    assert not target.called_as  # torch's own convention: nothing stands between
    report = verify(target, checks="forward", dtypes="float32", cases=10, seed=0, known=None)
    assert report, str(report)
    assert "a bias is always given, for its signature demands one" in str(report)


def test_a_kernel_of_unequal_odd_sides_is_asked_of_who_has_even_ones_against_it() -> None:
    target = load_target(f"{HERE}/arrays.py:OddAlone")
    assert "kernel_size" not in target.integers


def test_what_reads_floats_whatever_lies_there_is_judged_in_float32() -> None:
    target = load_target(f"{HERE}/arrays.py:of_floats")
    dtypes = ["float64", "float32"]
    report = verify(target, checks="certificate", dtypes=dtypes, cases=40, seed=0, known=None)
    assert report.verdict == EXACT, str(report)
    assert "not asked: float64 (it computes in float32" in str(report)


def test_options_that_are_keys_are_the_only_ones() -> None:
    for name in ("with_keywords", "with_keys"):
        target = load_target(f"{HERE}/functions.py:{name}")
        assert target.options == {"stride", "padding"}


def test_a_layer_that_is_only_called_is_forward_only() -> None:
    target = load_target(f"{HERE}/courses.py:Conv2D")
    assert target.forward_only


@pytest.mark.parametrize(
    ("name", "is_forward_only"),
    [("LabelsBeside", False), ("LabelsNeeded", True), ("OwnOptimizer", False)],
)
def test_a_backward_pass_that_cannot_be_called_makes_no_finding(
    name: str, is_forward_only: bool
) -> None:
    assert load_target(f"{HERE}/courses.py:{name}").forward_only is is_forward_only


@pytest.mark.parametrize(("name", "is_right"), [("OwnOptimizer", True), ("DXTwice", False)])
def test_of_who_hands_one_gradient_that_is_judged_and_no_other(name: str, is_right: bool) -> None:
    target = load_target(f"{HERE}/courses.py:{name}")
    checks = ["certificate", "upstream_linear", "adjointness", "precision_grad_weight"]
    report = verify(target, checks=checks, dtypes="float64", cases=40, seed=0, known=None)

    assert bool(report) == is_right
    assert not report.unjudged
    assert "; of the gradients dX only: its backward pass hands no dK, db" in str(report)
    rows = {check.name: check for check in report.checks}
    for quantity, row in (
        ("dK", "grad_weight"),
        ("db", "grad_bias"),
        ("dK", "precision_grad_weight"),
    ):
        assert rows[row].verdict == Verdict.UNSUPPORTED
        assert rows[row].reason == f"its backward pass hands no {quantity}"
    assert rows["grad_input"].verdict == (EXACT if is_right else WRONG)
    assert rows["upstream_linear"].verdict == EXACT  # twice the gradient is linear, too
    assert {finding.quantity for finding in report.findings} == (set() if is_right else {"dX"})


def test_a_gradient_that_is_a_step_is_not_asked_where_its_kernel_hides_it() -> None:
    target = load_target(f"{HERE}/arrays.py:Convolutional")
    report = verify(target, case=f"scales float64 {SMALL} grad=XK nobias", seed=0)
    assert not report.findings, str(report)
    assert "not asked: its gradients are steps" in " ".join(str(report).split())


def test_the_order_of_a_whole_kernel_may_be_fixed() -> None:
    words = "input=NHWC weight=HWIO kernel_size=hwio integers=none"
    target = load_target(f"{HERE}/arrays.py:FourSizes")
    assert target.convention == words
    assert load_target(f"{HERE}/arrays.py:FourSizes@{words}").called_as == target.called_as


def test_who_fits_no_convention_is_told_where_it_came_furthest() -> None:
    with pytest.raises(ValueError, match=r"AttributeError: .*float.* \(at arrays\.py:\d+\)$"):
        load_target(f"{HERE}/arrays.py:refuses_all")


def test_a_backward_pass_is_no_convolution_of_its_own() -> None:
    names = [name for name, _, _ in candidates(load_module(f"{HERE}/arrays.py"))]
    assert "cross_correlate" in names
    assert not any("backward" in name for name in names)


@pytest.mark.parametrize("name", [marked(name) for name in STRANGERS])
def test_what_is_known_of_a_stranger_travels_between_processes(name: str) -> None:
    target = load_target(f"{HERE / name}").described()
    travelled = wire.decoded(wire.encoded(target))
    assert (travelled.called_as, travelled.spelling) == (target.called_as, target.spelling)


@pytest.mark.parametrize("name", ["SameByWord", "ColumnLists"])
def test_what_a_layer_draws_when_it_is_made_or_built_is_no_change_of_its_call(name: str) -> None:
    target = load_target(f"{HERE}/courses.py:{name}")
    report = verify(target, checks="global_state", dtypes="float64", cases=10, seed=0, known=None)
    assert report, str(report)


def test_a_benchmarks_model_is_judged_at_its_own_sizes_first() -> None:
    target = load_target(f"{HERE}/benchmark.py:ModelNew")
    assert str(target.own) == "n4 c3 h20 w24 o8 k3x3 s2 p1 d1 g1"
    request = Request(dtypes=(torch.float32,), seed=0, cases=20)
    assert plan(target, request).cases[0].geometry == target.own
    assert completed(f"{HERE}/benchmark.py").endswith("benchmark.py:ModelNew")


def test_who_leaves_all_to_torch_is_told_so() -> None:
    target = load_target(f"{HERE}/benchmark.py:Fallback")
    report = verify(target, checks="certificate", dtypes="float32", cases=20, seed=0, known=None)
    assert report, str(report)
    assert "a kernel of its own, if it has one, never ran" in " ".join(str(report).split())
    others = load_target(f"{HERE}/benchmark.py:ModelNew")
    report = verify(others, checks="certificate", dtypes="float32", cases=20, seed=0, known=None)
    assert "never ran" not in str(report)


@pytest.mark.slow
def test_over_arrays_what_is_not_asked_is_no_verdict() -> None:
    target = load_target(f"{HERE}/arrays.py:conv_forward")
    report = verify(target, dtypes=["float64", "float32"], cases=1, seed=0, known=None)
    assert report, str(report)
    unsupported = {c.name for c in report.checks if c.verdict == Verdict.UNSUPPORTED}
    assert {"jvp", "vmap", "double_backward", "released_memory"} <= unsupported
    judged = {c.dtype for c in report.checks if c.verdict != Verdict.UNSUPPORTED}
    assert judged == {"float64"}
    assert "requires_grad" not in {c.name for c in report.checks}
    assert "float64 whatever it is given" in str(report)


def test_who_is_forward_only_is_judged_by_its_y() -> None:
    target = load_target(f"{HERE}/arrays.py:correlate")
    report = verify(target, dtypes="float64", cases=1, seed=0, known=None)
    assert report, str(report)
    judged = {c.name for c in report.checks if c.verdict != Verdict.UNSUPPORTED}
    assert {"forward", "translation", "nonfinite_input", "threads", "precision_forward"} <= judged
    asked_nothing = {"grad_input", "requires_grad", "nonfinite_upstream", "adjointness"}
    assert not asked_nothing & judged
    first, *_, last = str(report).splitlines()
    said = "; gradients were not asked: it is forward only, so there is no gradient"
    assert first.endswith(said)
    assert last.endswith(said)


def test_what_lies_between_is_not_laid_to_the_target() -> None:
    """Numpy has no bfloat16, and a layer whose kernel is put in is not called by two threads."""
    report = verify(load_target(f"{HERE}/arrays.py:correlate"), checks="forward", cases=4, seed=0)
    assert report.refuses == ()
    assert "not asked: bfloat16 (numpy has no bfloat16)" in map(str, report.notes)
    alone = verify(
        load_target(f"{HERE}/arrays.py:correlate"),
        case="certificate bfloat16 n1 c1 h2 w2 o1 k1 s1 p0 d1 g1 grad= nobias",
        seed=0,
    )
    assert {check.reason for check in alone.checks} >= {"not asked: numpy has no bfloat16"}


def test_a_layer_whose_kernel_is_put_in_is_not_called_by_two_threads() -> None:
    class Plain(nn.Module):
        def __init__(self, cin: int, cout: int, size: int) -> None:
            super().__init__()
            self.K = nn.Parameter(torch.ones(cout, cin, size, size))

        def forward(self, x: Tensor) -> Tensor:
            return conv2d(x, self.K)

    report = verify(Plain, checks=["forward", "threads"], cases=8, dtypes="float32", seed=0)
    (threads,) = (check for check in report.checks if check.name == "threads")
    assert threads.verdict == Verdict.UNSUPPORTED
    assert threads.dtype == "-"  # no case was put
    assert "two threads would mix them up" in threads.reason
    assert report.refused == 0
