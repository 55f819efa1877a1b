from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from conv_reference.chapter.data import Dataset
from conv_reference.chapter.filters import LAYERS
from conv_reference.chapter.targets import EDGE_DETECTOR, TARGETS
from conv_reference.chapter.training import Run, Settings

FIXED = torch.tensor(EDGE_DETECTOR)


@pytest.fixture
def images(pixels: Any) -> torch.Tensor:
    return torch.from_numpy(pixels).float() / 255


@pytest.fixture(scope="module")
def real_images(fashion: Dataset) -> torch.Tensor:
    return fashion.images()


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))]
)
def test_one_epoch_of_the_real_images_learns_the_edge_detector(
    real_images: torch.Tensor, seed: int
) -> None:
    run = Run(real_images, Settings(seed=seed)).finish()

    assert (len(run.images), run.done, run.of) == (60_000, 938, 938)
    assert run.final_loss < 1e-3
    assert run.error < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("target", [target for target in TARGETS if target != "edge"])
def test_the_other_filters_are_learned_from_real_images(
    real_images: torch.Tensor, target: Any
) -> None:
    """Fine detail is learned slowly: the Laplacian and the sharpening filter need epochs."""
    settings = Settings(target=target, learning_rate=0.4, batch_size=16, epochs=2)
    run = Run(real_images[:6400], settings).finish()

    assert run.final_loss < 5e-3 < run.losses[0]
    assert run.error < 1


def test_a_larger_kernel_learns_the_filter_and_the_zeros_around_it(
    real_images: torch.Tensor,
) -> None:
    run = Run(real_images[:20_000], Settings(kernel_size=(3, 5), init="scaled")).finish()

    assert run.kernel.shape == (3, 5)
    assert run.kernel[:, [0, 4]].abs().max() < 0.4
    assert run.final_loss < 2e-2


@pytest.mark.parametrize("init", ["unit", "scaled"])
def test_all_layers_begin_alike_and_learn_the_same_kernel(images: torch.Tensor, init: Any) -> None:
    runs = [
        Run(images, Settings(batch_size=16, init=init, layer=layer)).finish() for layer in LAYERS
    ]

    for run in runs[1:]:
        assert torch.equal(run.kernels[0], runs[0].kernels[0])
        assert (run.kernel - runs[0].kernel).abs().max() < 1e-5
    assert (runs[0].kernel - FIXED).abs().max() < (runs[0].kernels[0] - FIXED).abs().max()


def test_the_seed_decides_and_the_global_generator_is_left_alone(images: torch.Tensor) -> None:
    before = torch.get_rng_state()
    first, again, other = (Run(images, Settings(seed=seed)).finish() for seed in (3, 3, 4))

    assert torch.equal(torch.get_rng_state(), before)
    assert first.losses == again.losses
    assert first.losses != other.losses


def test_a_run_that_is_stopped_keeps_what_it_reached(images: torch.Tensor) -> None:
    settings = Settings(batch_size=100, epochs=2)
    run = Run(images, settings)
    assert (run.done, run.of, run.diverged) == (0, 6, False)
    assert math.isnan(run.final_loss)
    assert torch.equal(run.kernel, settings.first_kernel())
    reached = next(step for step in run if run.done == 2)

    whole = Run(images, settings).finish()
    assert (run.done, whole.done) == (2, 6)
    assert run.losses == whole.losses[:2]
    assert torch.equal(run.kernel, reached.kernel)
    assert torch.equal(run.kernel, whole.kernels[2])
    assert run.finish().losses == whole.losses  # from the start, not twice over


def test_raw_pixels_diverge_and_the_run_ends_there(images: torch.Tensor) -> None:
    run = Run(images * 255, Settings(batch_size=8)).finish()

    assert run.diverged
    assert run.losses[-1] > 1e30
    assert run.done < run.of


def test_the_loss_of_a_minibatch_is_the_chapters(images: torch.Tensor) -> None:
    settings = Settings(batch_size=len(images))
    patches = torch.nn.functional.unfold(images[:, None], 3).double()
    difference = (settings.first_kernel() - FIXED).flatten().double()
    expected = torch.einsum("a,nap->np", difference, patches).square().mean()

    assert Run(images, settings).finish().losses[0] == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"learning_rate": float("nan")},
            "the learning rate must be finite and more than 0, got nan",
        ),
        ({"learning_rate": 0.0}, "the learning rate must be finite and more than 0, got 0.0"),
        ({"learning_rate": 1e39}, r"the learning rate must be finite and more than 0, got 1e\+39"),
        ({"batch_size": 0}, "the batch size must be at least 1, got 0"),
        ({"epochs": 0}, "the number of epochs must be at least 1, got 0"),
        ({"seed": -1}, f"the seed must be at least 0 and at most {2**64 - 1}, got -1"),
        ({"layer": "dense"}, "the layer must be one of .*, got 'dense'"),
        ({"target": "corner"}, "the target must be one of .*, got 'corner'"),
        ({"init": "zeros"}, "init must be one of .*, got 'zeros'"),
        (
            {"kernel_size": (2, 3)},
            "the kernel must be at least 3×3 to learn a filter of 3×3, got 2×3",
        ),
    ],
)
def test_settings_outside_their_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Settings(**options)


def test_a_kernel_larger_than_the_images_is_refused_before_training(images: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"must fit .*: it has 3×29 and they have 28×28$"):
        Run(images, Settings(kernel_size=(3, 29)))
