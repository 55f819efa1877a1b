from __future__ import annotations

from dataclasses import replace

import pytest
from made_reports import RIGHT

from conv_reference.verification.report.calling import calling

ALL = (
    "every answer whose operations were recorded came from torch's own convolution: a kernel of "
    "its own, if it has one, never ran"
)


@pytest.mark.parametrize(
    ("by_torch", "where", "said"),
    [
        ((0, 50), (), ()),
        ((50, 50), (), (ALL,)),
        ((7, 50), ("g > 1",), ("for g > 1 torch's own convolution computed the answer",)),
        (
            (9, 50),
            ("g > 1", "float16"),
            ("for g > 1, and for float16 torch's own convolution computed the answer",),
        ),
        (
            (3, 50),
            (),
            ("torch's own convolution computed the answer to 3 of 50 small cases",),
        ),
    ],
)
def test_what_torch_computed_is_told_by_where(
    by_torch: tuple[int, int], where: tuple[str, ...], said: tuple[str, ...]
) -> None:
    report = replace(RIGHT, by_torch=by_torch, by_torch_where=where)
    assert calling(report) == said
