"""Large sizes: past the limits of narrow indices, and where libraries change their algorithm."""

from __future__ import annotations

from collections.abc import Iterator

from conv_reference.verification.checks._registry import Row, Sample, Traits, check, own_row
from conv_reference.verification.checks.degenerate import certified
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.slow_targets import (
    TOO_SLOW_FOR_ITS_SIZE,
    is_slow_for_its_size,
)
from conv_reference.verification.trial.trial import Trial

# Their geometries are small in everything else.
_ROWS = (
    Row(
        "large_batch",
        "More samples than 16 bits count.",
        "Grids of accelerators have a limit of 65,535 in two of three directions.",
        "rows past 65,535 are zero (tensorflow#9870)",
        about="n > 32768",
        own=("n65537 c1 h1 w1 o1 k1", "n32769 c1 h1 w2 o1 k1x2"),
    ),
    Row(
        "large_channels",
        "More input or output channels than 16 bits count.",
        "A channel index is often narrower than a pixel's.",
        "more than 65,536 output channels: the tail of Y zero or wrong (pytorch#129207)",
        about="c > 65536 or o > 65536",
        own=("n1 c1 h1 w1 o65537 k1", "n1 c65537 h1 w1 o1 k1"),
    ),
    Row(
        "large_plane",
        "More pixels than 15 and 16 bits count, in a row, a column and a plane.",
        "Flat indices overflow at the end of the tensor, where no one looks.",
        "Y wrong in the tail past a limit of its index (mlx#3248)",
        about="h * w > 32767",
        own=(
            "n1 c1 h1 w65543 o1 k1x3",
            "n1 c1 h32771 w1 o1 k2x1 s2x1",
            "n1 c1 h258 w257 o1 k3x2 p1",
            "n1 c2 h257 w257 o2 k1",  # a product of matrices
            "n1 c2 h257 w257 o2 k1 s2",  # pixels that are picked out first
        ),
    ),
    Row(
        "large_products",
        "More of two sizes together than 16 bits count: samples, channels and pixels.",
        "Each block of a grid has a plane or a pixel of a batch: no one size is large.",
        "planes past 65,535 of a depthwise layer are zero (a class of faults)",
        about="n * c > 65536 or n * oh * ow > 65536 or o * oh * ow > 65536",
        own=(
            "n257 c256 h1 w1 o256 k1 g256",
            "n257 c1 h16 w17 o1 k1x2",
            "n1 c2 h16 w17 o257 k1x2",
        ),
    ),
    Row(
        "algorithm_switch",
        "Enough samples and channels that libraries take another algorithm or another block.",
        "Winograd, FFT and blocked kernels start at sizes that no unit test has.",
        "wrong from 16 channels and a width below 17 on (fujitsu/oneDNN#43)",
        about="n > 1",
        own=(
            "n17 c33 h9 w9 o34 k3 p1",
            "n2 c64 h14 w13 o65 k3 s2 p1",
            "n3 c128 h5 w5 o129 k1",
            "n2 c65 h12 w12 o65 k3 p1 g65",
            "n16 c8 h12 w12 o8 k5 p2",
            "n2 c16 h8 w20 o17 k4 s4",  # patches, as of a vision transformer
        ),
    ),
)


@check(
    *_ROWS,
    traits=Traits(sample=Sample.OWN, takes_seconds=True),
)
def large(trial: Trial) -> Iterator[Judgement]:
    """The certificate of one of them, unless the target is too slow for it."""
    row = own_row(_ROWS, trial.target, trial.case.geometry)
    assert row is not None  # the plan refuses others
    if is_slow_for_its_size(trial):
        yield Judgement(row.name, "Y", Verdict.UNSUPPORTED, explanation=TOO_SLOW_FOR_ITS_SIZE)
        return
    yield from certified(trial, row.name)
