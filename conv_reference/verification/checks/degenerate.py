"""Degenerate sizes: valid convolutions at the edge of the definition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from conv_reference.verification.checks._registry import Row, Sample, Traits, check, own_row
from conv_reference.verification.checks.certificate import certificate
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.raised import judged_raised
from conv_reference.verification.trial.trial import TargetRaised, Trial

_WHY = "Sizes that no network has are the ones that no one tried."
_ROWS = (
    Row(
        "empty_batch",
        "No samples: Y has the shape (0, O, H', W'), and dK and db are zero.",
        "The last batch of a filtered data set can be empty.",
        "dW junk for a zero-length input (tensorflow#9949)",
        about="n == 0",
        own=("n0 c2 h4 w5 o3 k2x3", "n0 c2 h3 w3 o2 k3x2 s2 p1 g2"),
    ),
    Row(
        "single_pixel",
        "An input, a kernel or an output of one pixel.",
        _WHY,
        "one-pixel kernel with stride over kernel: dX wrong (pytorch#63314)",
        about="h * w == 1 or kh * kw == 1 or oh * ow == 1 or h == 1 or w == 1",
        own=(
            "n2 c3 h1 w1 o2 k1",
            "n1 c1 h1 w1 o1 k3 p1",
            "n2 c2 h1 w7 o2 k1x3",
            "n2 c2 h6 w1 o2 k1 s2",
        ),
    ),
    Row(
        "kernel_equals_input",
        "A kernel as large as the padded input: one output that reads everything.",
        _WHY,
        "kernel as large as the image: the sum rounded differently (pytorch#24172)",
        about="oh * ow == 1",
        own=("n2 c2 h5 w4 o3 k5x4", "n1 c2 h2 w3 o2 k6x5 p2x1", "n2 c1 h3 w5 o2 k2x3 d2"),
    ),
    Row(
        "stride_over_kernel",
        "A stride larger than the kernel: pixels that no output reads have a zero gradient.",
        "An element that no one adds to must still be written.",
        "dX pixels never written where the kernel is smaller than the stride (MIOpen PR#566)",
        about="sh > kh or sw > kw",
        own=("n2 c2 h7 w9 o2 k1x2 s3", "n1 c2 h8 w8 o2 k2 s3x4 p1", "n1 c1 h2 w2 o1 k1 s5"),
    ),
    Row(
        "stride_remainder",
        "A stride that leaves rows and columns over: their gradient is zero, the shapes hold.",
        "The adjoint's size does not follow from Y's.",
        "dW of another shape than W (mlx#2184)",
        about="rh + rw > 0",
        own=(
            "n2 c2 h6 w8 o2 k2x3 s3x4",
            "n1 c2 h5 w5 o4 k2 s2 g2",
            "n2 c1 h7 w9 o2 k3 s3x5 p1 d2x1",
        ),
    ),
    Row(
        "padding_over_kernel",
        "Padding larger than the kernel: outputs and taps that see nothing but zeros.",
        _WHY,
        "padding greater than the kernel: Y, dX and dW wrong (MIOpen#55)",
        about="ph > kh or pw > kw or ph * pw >= kh * kw",
        own=("n2 c2 h3 w2 o2 k1 p2", "n1 c2 h2 w3 o2 k2x3 p4x5", "n2 c1 h1 w2 o2 k2x1 s3 p4x3"),
    ),
    Row(
        "dilation_over_input",
        "Dilation larger than the input: most taps fall outside of it.",
        _WHY,
        "dilation 2, padding 2 on 3×3: Y wrong (mxnet#13876)",
        about="dh > h or dw > w",
        own=("n2 c2 h3 w2 o2 k2x3 p4 d4x3", "n1 c2 h1 w2 o3 k3 p5 d5"),
    ),
    Row(
        "one_channel",
        "One input channel, one output channel, or both.",
        "With one channel, layouts cannot be told apart by their strides.",
        "C = 1 with a channels_last kernel (pytorch#82060)",
        about="c == 1 or o == 1",
        own=("n2 c1 h5 w4 o1 k3x2 p1", "n2 c1 h4 w5 o7 k2x3", "n3 c7 h4 w4 o1 k3 s2 p1"),
    ),
    Row(
        "depthwise",
        "As many groups as input channels, with one output channel for each, or several.",
        "It is nearly always a kernel of its own.",
        "depthwise: dW wrong (burn#1877)",
        about="g == c and c > 1",
        own=("n2 c4 h4 w5 o4 k3 p1 g4", "n2 c3 h5 w4 o6 k2x3 s2 g3", "n1 c2 h6 w6 o6 k3 d2 p1 g2"),
    ),
)


@check(
    *_ROWS,
    traits=Traits(sample=Sample.OWN),
)
def degenerate(trial: Trial) -> Iterator[Judgement]:
    """The certificate of one of these geometries, or of what the target can be asked for of it."""
    row = own_row(_ROWS, trial.target, trial.case.geometry)
    assert row is not None  # the plan refuses others
    return certified(trial, row.name)


def certified(trial: Trial, row: str) -> Iterator[Judgement]:
    """The certificate's judgements under one row."""
    try:
        judgements = list(certificate(trial))
    except TargetRaised as raised:
        judgements = [judged_raised(row, raised, trial)]
    for judgement in judgements:
        if judgement.verdict in {Verdict.EXACT, Verdict.ROUNDED}:
            yield replace(judgement, check=row)
            continue
        case = replace(trial.case, check=certificate.__name__)
        yield replace(judgement, check=row, case=case)
