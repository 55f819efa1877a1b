from __future__ import annotations

import copy
import struct
from typing import Any

import pytest
import torch
from corrupted import corrupted
from torch import Tensor, nn
from torch.nn.functional import conv1d, conv2d, conv3d
from torch.utils.checkpoint import checkpoint

from conv_reference.verification.model.result import Verdict
from conv_reference.verification.step.certify import certify


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(16, 24, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(24),
        nn.Conv2d(24, 24, 3, groups=24, dilation=2),
        nn.ReLU(),
        nn.ConvTranspose2d(24, 8, 3, stride=2, padding=1, output_padding=1, groups=2),
        nn.Conv2d(8, 4, (1, 3)),
    )


IMAGES = torch.randn(6, 3, 21, 26, generator=torch.Generator().manual_seed(1))


def step(model: nn.Module, images: Tensor = IMAGES) -> Tensor:
    loss: Tensor = model(images).square().mean()
    loss.backward()
    return loss.detach()


def test_each_convolution_of_a_step_has_a_row_with_its_modules_name() -> None:
    model = network()
    with certify(model) as certificate:
        step(model)

    assert certificate.passed
    assert certificate.verdict == Verdict.ROUNDED
    assert [row.name for row in certificate.rows] == ["0", "2", "4", "6", "7"]
    assert {(row.calls, row.judged) for row in certificate.rows} == {(2, 2)}
    assert [row.transposed for row in certificate.rows] == [False, False, False, True, False]
    first, second = certificate.rows[:2]
    assert [*first.quantities] == ["Y", "dK", "db"]  # the image asks for no gradient
    assert {*second.quantities} == {"Y", "dX", "dK"}
    for row in certificate.rows:
        for seen in row.quantities.values():
            assert (seen.in_place, seen.replayed) == (Verdict.ROUNDED, Verdict.EXACT)
            assert seen.limit > 0
    certificate.raise_if_wrong()


def test_the_numbers_and_the_random_state_of_a_step_are_those_without_it() -> None:
    outcomes = []
    for judged in (False, True):
        model = network()
        torch.manual_seed(5)
        if judged:
            with certify(model):
                loss = step(model)
        else:
            loss = step(model)
        outcomes.append((loss, [p.grad for p in model.parameters()], torch.rand(3)))
    (loss, gradients, drawn), (same_loss, same_gradients, same_drawn) = outcomes
    assert torch.equal(loss, same_loss)
    assert torch.equal(drawn, same_drawn)
    for gradient, same in zip(gradients, same_gradients, strict=True):
        assert gradient is not None
        assert same is not None
        assert torch.equal(gradient, same)


def test_a_fault_in_one_channel_of_one_layers_weight_gradient_for_large_batches_is_named() -> None:
    def change(name: str, _: int, args: tuple[Any, ...], answered: Any) -> None:
        if name == "convolution_backward" and args[2].shape[0] == 24 and args[1].shape[0] > 4:
            dK = answered[1]
            if dK is not None and dK.shape[1] == 16:
                dK[7] *= 1.01

    model = network()
    with corrupted(change), certify(model) as certificate:
        step(model)

    wrong = [(r.name, q) for r in certificate.rows for q, s in r.quantities.items() if s.finding]
    assert wrong == [("2", "dK")]
    assert not certificate
    assert "WRONG 2 dK: over integers, dK[7," in str(certificate)
    assert "all in dK[7,:]" in str(certificate)
    assert "in place wrong in 1 of 1 calls, in step 1\n" in str(certificate)
    with pytest.raises(AssertionError, match="WRONG 2 dK"):
        certificate.raise_if_wrong()
    with corrupted(change), certify(model) as certificate:
        step(model, IMAGES[:4])
    assert certificate.passed


def flipped(value: float, bit: int) -> float:
    (pattern,) = struct.unpack("<I", struct.pack("<f", value))
    flipped: float = struct.unpack("<f", struct.pack("<I", pattern ^ (1 << bit)))[0]
    return flipped


@pytest.mark.parametrize("bit", [30, 23, 22, 17], ids=lambda bit: f"bit {bit}")
@pytest.mark.parametrize("place", [0, 1], ids=["forward", "backward"])
@pytest.mark.parametrize(
    ("steps", "hit"),
    [(5, 3), pytest.param(50, 33, marks=pytest.mark.slow)],
    ids=["of five", "of fifty"],
)
def test_one_flipped_bit_in_one_step_of_a_training_is_found(
    bit: int, place: int, steps: int, hit: int
) -> None:
    """A large element's: what an error below rounding does is not to be found."""
    # Five convolutions, forward and backward; those of the first step are asked twice.
    calls = 10 * hit + (2 if place == 0 else 6)

    def change(_: str, number: int, __: tuple[Any, ...], answered: Any) -> None:
        if number == calls:
            answer = answered[0] if place else answered
            index = tuple(answer[3].abs().eq(answer[3].abs().max()).nonzero()[0].tolist())
            answer[3][index] = flipped(float(answer[3][index]), bit)

    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 1e-4)
    with certify(model, replayed=False) as quick, corrupted(change):
        pass
    assert not quick.rows
    with corrupted(change), certify(model) as certificate:
        for _ in range(steps):
            optimizer.zero_grad()
            step(model)
            optimizer.step()
    seen = [s for r in certificate.rows for s in r.quantities.values() if s.finding]
    assert [s.wrong for s in seen] == [[hit]], str(certificate)
    assert f"in place wrong in 1 of {steps} calls, in step {hit}\n" in str(certificate)
    assert certificate.steps == steps


def test_what_is_rightly_not_finite_is_listed_and_is_no_fault() -> None:
    """A step that overflows, as those that a gradient scaler skips."""
    layer = nn.Conv2d(3, 4, 3).half()
    layer.weight.data *= 100
    images = IMAGES.half()
    with certify(layer) as certificate:
        layer(images * 3_000)
        layer(images.masked_fill(images > 2, torch.nan))
        layer(images)
    assert certificate.passed, str(certificate)
    assert certificate.rows[0].quantities["Y"].judged == 1
    assert {*certificate.not_judged} == {
        "Y in place: an answer past the dtype's range, which is infinite",
        "Y in place: an operand that is not finite, as of a loss that overflowed",
    }


@pytest.mark.parametrize("wrong", [torch.inf, torch.nan])
def test_what_is_not_finite_and_should_be_is_wrong(wrong: float) -> None:
    def change(name: str, _: int, __: tuple[Any, ...], answered: Any) -> None:
        if name == "convolution":
            answered[2, 1, 0, 0] = wrong

    layer = nn.Conv2d(3, 4, 3)
    with corrupted(change), certify(layer, replayed=False) as certificate:
        layer(IMAGES)
    assert "WRONG Conv2d Y: Y[2,1,0,0] should be" in str(certificate)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_dtypes_and_channels_last(dtype: torch.dtype) -> None:
    last = torch.channels_last
    model = network().to(dtype).to(memory_format=last)  # type: ignore[call-overload]  # it takes it
    images = IMAGES.to(dtype).to(memory_format=torch.channels_last)
    with certify(model) as certificate:
        step(model, images)
    assert certificate.passed, str(certificate)
    assert {row.dtype for row in certificate.rows} == {str(dtype).removeprefix("torch.")}


def test_under_autocast_what_runs_in_half_precision_is_judged_in_it() -> None:
    model = network()
    with certify(model) as certificate, torch.autocast("cpu", dtype=torch.bfloat16):
        step(model)
    assert certificate.passed, str(certificate)
    assert {row.dtype for row in certificate.rows} == {"bfloat16"}


def test_a_checkpointed_part_is_judged_again_in_the_backward_pass() -> None:
    model = network()
    with certify(model) as certificate:
        output = checkpoint(model, IMAGES, use_reentrant=False)
        assert isinstance(output, Tensor)
        output.square().mean().backward()
    assert certificate.passed
    # The last one is not computed again: nobody needs its output.
    assert [(row.name, row.calls) for row in certificate.rows] == [
        *((name, 3) for name in ("0", "2", "4", "6")),
        ("7", 2),
    ]


def test_under_autocast_a_checkpointed_part_has_its_modules_names() -> None:
    """Autocast copies each kernel anew when the part is computed again."""
    model = network()
    with certify(model) as certificate, torch.autocast("cpu", dtype=torch.bfloat16):
        output = checkpoint(model, IMAGES, use_reentrant=False)
        assert isinstance(output, Tensor)
        output.float().square().mean().backward()
    assert certificate.passed
    assert [row.name for row in certificate.rows] == ["0", "2", "4", "6", "7"]
    assert {"dX", "dK"} <= {*certificate.rows[-1].quantities}


def test_a_module_that_runs_on_two_sizes_and_dtypes_has_a_row_for_each() -> None:
    layer = nn.Conv2d(3, 2, 1)
    with certify(layer) as certificate:
        layer(IMAGES)
        layer(IMAGES[..., 1:])
    first, *rows = str(certificate).splitlines()
    assert first.endswith("in 1 step, in float32; over integers 2 of 2 answers exact")
    assert [row.split()[:5] for row in rows[1:3]] == [
        ["Conv2d", "(n6", "c3", "h21", "w26"],
        ["Conv2d", "(n6", "c3", "h21", "w25"],
    ]
    layer.double()
    with certify(layer) as both:
        layer(IMAGES.double())
        layer.float()(IMAGES)
    lines = str(both).splitlines()
    assert "in 1 step, in float64, float32; over" in lines[0]
    assert [line.split()[1] for line in lines[2:4]] == ["float64", "float32"]


def test_float64_is_exact_over_integers_and_what_is_computed_in_fewer_bits_is_not() -> None:
    layer = nn.Conv2d(3, 8, 3, dtype=torch.float64)
    with certify(layer) as right:
        layer(IMAGES.double()).sum().backward()
    assert "over integers 3 of 3 answers exact" in str(right)

    def in_32_bits(name: str, call: int, args: tuple[Any, ...], answered: Any) -> None:
        if name == "convolution":
            answered.copy_(answered.float())

    with corrupted(in_32_bits), certify(layer) as narrow:
        layer(IMAGES.double()).sum().backward()
    assert "over integers 2 of 3 answers exact" in str(narrow)
    assert not narrow.passed


def test_one_dimension_is_one_row_and_three_are_listed() -> None:
    X, K = torch.randn(2, 4, 30), torch.randn(6, 2, 5, requires_grad=True)
    volume, cube = torch.randn(1, 1, 3, 3, 3), torch.randn(1, 1, 2, 2, 2)
    with certify() as certificate:
        conv1d(X, K, stride=2, padding=3, groups=2).sum().backward()
        conv3d(volume, cube)
    (row,) = certificate.rows
    assert row.name == "convolution 1"
    assert certificate.passed
    assert str(row.geometry) == "n2 c4 h1 w30 o6 k1x5 s1x2 p0x3 d1 g2"
    assert [*certificate.not_judged] == ["convolution: 3 dimensions; one or two are judged"]


def test_every_so_many_steps_one_is_judged() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 1e-4)
    with certify(model, every=3) as certificate:
        for _ in range(7):
            step(model)
            optimizer.step()
    assert certificate.steps == 3
    assert {row.calls for row in certificate.rows} == {6}


def test_a_sample_of_the_calls_is_judged_and_the_same_one_again() -> None:
    counts = []
    for _ in range(2):
        model = network()
        with certify(model, sample=0.5, seed=3) as certificate:
            step(model)
        counts.append([row.judged for row in certificate.rows])
    assert counts[0] == counts[1]
    assert 0 < sum(counts[0]) < 10


def test_where_nothing_ran_nothing_is_right() -> None:
    with certify() as certificate:
        pass
    assert not certificate.passed
    assert str(certificate) == "nothing was judged: 0 convolutions, 0 of 0 calls judged in 0 steps"
    with pytest.raises(AssertionError, match="nothing was judged"):
        certificate.raise_if_wrong()


def test_ten_bits_in_place_of_twenty_four_are_wrong_over_integers_and_few_in_place() -> None:
    def change(name: str, _: int, args: tuple[Any, ...], answered: Any) -> None:
        if name == "convolution":
            X, K = (t.to(torch.float16).to(t.dtype) for t in args[:2])
            with torch.no_grad():
                answered.copy_(conv2d(X, K, None, *args[3:6]))

    torch.manual_seed(0)
    layer = nn.Conv2d(16, 16, 3, bias=False)
    for replayed, verdict in ((True, Verdict.WRONG), (False, Verdict.ROUNDED)):
        with corrupted(change), certify(layer, replayed=replayed) as certificate:
            layer(torch.rand(8, 16, 20, 20))
        assert certificate.verdict == verdict
        assert certificate.rows[0].seen("Y").bits < 16


def test_of_an_answer_of_zeros_any_error_would_be_seen() -> None:
    """Behind a channel that no sample activates."""
    layer = nn.Conv2d(3, 4, 3)
    with certify(layer) as certificate:
        layer(IMAGES.clone().requires_grad_()).mul(0).sum().backward()
    Y, dX, dK, _ = (certificate.rows[0].seen(name) for name in ("Y", "dX", "dK", "db"))
    assert 0 < Y.limit < 1e-5
    assert (dX.limit, dK.limit) == (0, 0)
    assert str(certificate).count("rounded <0 / exact") == 3


def test_what_was_entered_is_not_entered_again() -> None:
    once = certify()
    message = (
        r"^this certify\(\) was entered before; each is for one with block: call certify again$"
    )
    with once as certificate:
        with pytest.raises(RuntimeError, match=message):
            once.__enter__()
        nn.Conv2d(3, 4, 3)(IMAGES)
    with pytest.raises(RuntimeError, match=message), once:
        pass
    assert "1 of 1 calls judged" in str(certificate)


def test_the_hooks_are_gone_afterwards() -> None:
    model = network()
    before = copy.deepcopy(model)
    with certify(model):
        step(model)
    for module, other in zip(model.modules(), before.modules(), strict=True):
        assert len(module._forward_hooks) == len(other._forward_hooks)
        assert len(module._forward_pre_hooks) == len(other._forward_pre_hooks)


@pytest.mark.parametrize("seed", [363, 489, 1126, 1586])
def test_sums_that_grow_by_terms_of_one_sign_are_right(seed: int) -> None:
    """Each of these steps had a dK or a db that errs over 32 times as much as its neighbours."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(8, 4, 2, stride=2)
    )
    with certify(model) as certificate:
        model(torch.rand(4, 3, 16, 16)).square().mean().backward()
    certificate.raise_if_wrong()
