"""What is done before the first case is named while it lasts."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification import verify
from conv_reference.verification.running.asked import CALLING, PLANNING, WATCHING, tell
from conv_reference.verification.running.learning import LEARNING
from conv_reference.verification.running.progress import Counted
from conv_reference.verification.running.run import AUDITING


@dataclass(frozen=True)
class Told(Counted):
    """Notes the stages."""

    stages: list[str] = field(default_factory=list)

    def at(self, stage: str) -> None:
        self.stages.append(stage)


@pytest.mark.parametrize(
    ("reported", "told"),
    [
        ("", []),  # it is imported still
        ("called", [CALLING]),
        ("called 0", [CALLING]),
        ("called 12", [f"{CALLING}, 12 calls so far"]),
        ("opened vjp on n2 c3", ["trying the adapter, vjp on n2 c3"]),
    ],
)
def test_where_the_search_is_is_told_as_its_process_reports_it(
    reported: str, told: list[str]
) -> None:
    progress = Told()
    tell(progress, reported)
    assert progress.stages == told


def plain(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input, weight)


def test_each_stage_is_named_in_turn() -> None:
    progress = Told()
    verify(plain, dtypes="float32", checks="grad_bias", cases=4, progress=progress)
    counted = [stage for stage in progress.stages if stage.startswith(f"{LEARNING}, ")]
    named = [stage for stage in progress.stages if stage not in counted]
    assert named == [CALLING, LEARNING, PLANNING, WATCHING, AUDITING]
    assert counted
    assert counted[-1].endswith(" small cases")
