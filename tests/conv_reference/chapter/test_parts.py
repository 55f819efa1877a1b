"""What the page claims of its parts, asserted of a small run of real images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from conv_reference.chapter.filters import LAYERS
from conv_reference.chapter.page import titles
from conv_reference.chapter.parts import PARTS
from conv_reference.chapter.parts.experiment import Experiment
from conv_reference.chapter.parts.material import Material
from conv_reference.chapter.targets import TARGETS
from conv_reference.chapter.training import Settings

# What they share takes long: every part of a page, computed.
pytestmark = pytest.mark.slow


def test_all_filters_learn_and_all_layers_agree(parts: Mapping[str, Any]) -> None:
    part = parts["filters"]

    assert [run.settings.target for run in part.filters] == list(TARGETS)
    assert [run.settings.layer for run in part.layers] == list(LAYERS)
    assert all(run.losses[-1] < run.losses[0] for run in part.filters)
    assert part.greatest_difference < 1e-5
    assert part.patient.error < max(run.error for run in part.filters)


def test_the_limits_are_predicted_within_3_percent(parts: Mapping[str, Any]) -> None:
    part = parts["exercise-1"]

    assert abs(part.normalised.deviation) < 0.03
    assert abs(part.raw.deviation) < 0.03
    assert part.normalised.predicted / part.raw.predicted == pytest.approx(255**2, rel=1e-6)


def test_raw_pixels_fail_and_train_at_the_rate_that_255_squared_asks_for(
    parts: Mapping[str, Any],
) -> None:
    part = parts["exercise-1"]

    assert part.failing_run.diverged
    assert part.raw_difference < 1e-5
    assert part.raw_run.final_loss / 255**2 == pytest.approx(part.run.final_loss, rel=1e-3)


def test_just_below_the_limit_descent_converges_and_just_above_it_does_not(
    parts: Mapping[str, Any],
) -> None:
    below, above = parts["exercise-1"].near
    assert below.losses[-1] < below.losses[0]
    assert above.losses[-1] > above.losses[0]


def test_what_an_epoch_leaves_is_what_the_eigenvalues_say(parts: Mapping[str, Any]) -> None:
    part = parts["exercise-1"]
    flat = slice(4, None)  # the steep ones are gone

    torch.testing.assert_close(
        part.measured_shares[flat], part.predicted_shares[flat], rtol=0.1, atol=0.02
    )
    assert part.predicted_shares.diff().min() > 0  # flatter is slower
    assert float(part.loss_shares.sum()) == pytest.approx(1)
    half = part.bowl.factors(part.run.settings.learning_rate)[0] ** part.slow_half_life
    assert float(half) == pytest.approx(0.5)


def test_both_initialisations_of_a_size_stand_in_one_row(parts: Mapping[str, Any]) -> None:
    for unit, scaled in parts["exercise-2"].rows:
        assert (unit.init, scaled.init) == ("unit", "scaled")
        assert unit.size == scaled.size
        assert scaled.variance[0] < unit.variance[0]


def test_the_answer_moves_with_the_sleeve_and_a_dense_maps_does_not(
    parts: Mapping[str, Any],
) -> None:
    part = parts["advantages"]

    assert part.sleeve_difference == 0
    assert part.canvases.amax(dim=(1, 2)).min() > 100  # there is a sleeve
    assert part.equivariance.inside == 0
    assert part.equivariance.at_border > 0
    assert part.dense_difference > 0


def test_a_run_that_diverges_is_refused_by_the_part() -> None:
    pixels = torch.full((64, 6, 6), 255, dtype=torch.uint8)
    settings = Settings(learning_rate=1e20, batch_size=8)
    with pytest.raises(
        ValueError, match="diverges after .* at learning rate 1e[+]20, .*exercise-1"
    ):
        Experiment.compute(Material(pixels, settings))


def test_each_part_has_a_template_and_a_title() -> None:
    assert list(titles(lambda text: text)) == list(PARTS)
