from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from conv_reference.chapter.data import load_images
from conv_reference.chapter.training import EDGE_DETECTOR, Settings, edge_detector, train

FIXED = torch.tensor(EDGE_DETECTOR)


@pytest.mark.parametrize("seed", range(10))
def test_one_epoch_of_the_real_images_learns_the_edge_detector(seed: int) -> None:
    """On the 60,000 images of Debian's package dataset-fashion-mnist, which CI installs."""
    run = train(load_images(Path("/usr/share/datasets/fashion-mnist")), Settings(seed=seed))

    assert (run.images, len(run.losses)) == (60_000, 938)
    assert run.final_loss < 1e-3
    assert (run.kernel - FIXED).abs().max() < 0.3


@pytest.mark.parametrize("init", ["unit", "scaled"])
def test_the_literal_forward_pass_gives_the_same_kernel(folder: Path, init: Any) -> None:
    images = load_images(folder)
    fast, literal = (
        train(images, Settings(batch_size=16, init=init, literal=literal)).kernel
        for literal in (False, True)
    )
    assert (fast - literal).abs().max() < 1e-5
    assert (fast - FIXED).abs().max() < 1.5


def test_the_seed_decides_and_the_global_generator_is_left_alone(folder: Path) -> None:
    images = load_images(folder)
    before = torch.get_rng_state()
    first, again, other = (train(images, Settings(seed=seed)) for seed in (3, 3, 4))

    assert torch.equal(torch.get_rng_state(), before)
    assert first.losses == again.losses
    assert first.losses != other.losses


def test_the_target_does_not_learn() -> None:
    kernel = edge_detector().kernel
    assert not kernel.requires_grad
    assert torch.equal(kernel, FIXED)


def test_the_fixed_kernel_answers_to_horizontal_edges_and_not_to_vertical_ones() -> None:
    horizontal = torch.zeros(1, 6, 6)
    horizontal[:, 3:] = 1
    assert edge_detector()(horizontal).abs().max() == 3
    assert edge_detector()(horizontal.transpose(1, 2)).abs().max() == 0


def test_progress_is_told_after_each_minibatch(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    settings = Settings(batch_size=100, epochs=2)
    train(load_images(folder), settings, lambda done, total, _: seen.append((done, total)))
    assert seen == [(done, 6) for done in range(1, 7)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"learning_rate": float("nan")},
            "the learning rate must be finite and more than 0, got nan",
        ),
        ({"learning_rate": 0.0}, "the learning rate must be finite and more than 0, got 0.0"),
        ({"batch_size": 0}, "the batch size must be at least 1, got 0"),
        ({"epochs": 0}, "the number of epochs must be at least 1, got 0"),
        ({"seed": -1}, "the seed must be at least 0, got -1"),
    ],
)
def test_settings_outside_their_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Settings(**options)
