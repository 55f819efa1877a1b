from __future__ import annotations

import re

import pytest

from analytic.render.html import kept_together

Y = "<math><mi>Y</mi></math>"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (f"{Y}, then", f'<span class="whole">{Y},</span> then'),
        (f"{Y}{Y}.", f'{Y}<span class="whole">{Y}.</span>'),
        (f"{Y} and", f"{Y} and"),
        (f'<span dir="ltr">{Y}</span>.', f'<span dir="ltr"><span class="whole">{Y}.</span></span>'),
    ],
)
def test_a_mark_is_kept_with_the_formula_before_it(written: str, kept: str) -> None:
    assert kept_together(written) == kept


def test_from_right_to_left_a_mark_does_not_move_into_a_sum() -> None:
    written = f'<span dir="ltr">{Y}</span>. <b>{Y}:</b>'

    kept = kept_together(written, right_to_left=True)
    assert kept.startswith(f'<span dir="ltr">{Y}</span>. ')
    assert re.findall(r'<span class="whole">.*?</span>', kept) == [
        f'<span class="whole">{Y}:</span>'
    ]
