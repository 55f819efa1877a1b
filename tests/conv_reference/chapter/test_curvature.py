from __future__ import annotations

import pytest
import torch

from conv_reference.chapter.curvature import Curvature, curvature, image_curvatures, mean_patch
from conv_reference.chapter.filters import make_filter
from conv_reference.chapter.training import Run, Settings


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(40, 9, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (2, 5)])
def test_the_matrix_is_the_mean_of_the_patches_products(
    images: torch.Tensor, size: tuple[int, int]
) -> None:
    patches = torch.nn.functional.unfold(images[:, None].double(), size)
    expected = torch.einsum("nap,nbp->ab", patches, patches) / (len(images) * patches.shape[2])

    torch.testing.assert_close(curvature(images, size).matrix, expected)
    torch.testing.assert_close(mean_patch(images, size), patches.mean(dim=(0, 2)))


def test_the_loss_is_the_bowl(images: torch.Tensor) -> None:
    kernel, fixed = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(1))
    mine, target = (make_filter("chapter", one, learns=False)(images) for one in (kernel, fixed))

    loss = float((mine - target).square().mean())
    assert curvature(images, (3, 3)).loss(kernel - fixed) == pytest.approx(loss, rel=1e-5)


def test_a_step_of_descent_multiplies_each_direction_by_its_factor(images: torch.Tensor) -> None:
    bowl = curvature(images, (3, 3))
    settings = Settings(learning_rate=0.05, batch_size=len(images))
    run = Run(images, settings).finish()
    first, last = (
        bowl.directions @ (kernel - settings.fixed_kernel()).flatten().double()
        for kernel in run.kernels
    )
    torch.testing.assert_close(last, bowl.factors(0.05) * first, rtol=1e-3, atol=1e-5)


def test_255_times_the_pixels_is_255_squared_times_the_curvature(images: torch.Tensor) -> None:
    ratio = curvature(images, (3, 3)).threshold / curvature(images * 255, (3, 3)).threshold
    assert ratio == pytest.approx(255**2, rel=1e-6)


def test_eigenvalues_rise_and_directions_are_theirs() -> None:
    bowl = Curvature(torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64))

    assert bowl.eigenvalues.tolist() == pytest.approx([1, 3])
    assert (bowl.slowest, bowl.steepest) == pytest.approx((1, 3))
    torch.testing.assert_close(
        bowl.directions @ bowl.matrix, bowl.eigenvalues[:, None] * bowl.directions
    )


def test_many_images_are_summed_in_chunks_without_losing_any() -> None:
    images = torch.rand(1203, 3, 3, generator=torch.Generator().manual_seed(2))
    each = image_curvatures(images, (3, 3))
    assert len(each) == 1203
    torch.testing.assert_close(
        each[-1], images[-1].flatten().double().outer(images[-1].flatten().double())
    )
