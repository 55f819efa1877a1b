"""The finder finds: each of these was once on the page, or could be."""

from __future__ import annotations

import pytest

from tests.conv_reference.chapter.isolation import scrambled


@pytest.mark.parametrize(
    "inside",
    [
        "<th>1/√K</th>",
        "<p>חסום ב-√(6/((1+5)K))</p>",
        "<p>בין −1 ל-1</p>",
        "<p>גודל <bdi>3×3</bdi></p>",
        "<p>גודל <bdi>3</bdi>×<bdi>3</bdi></p>",
        "<p>בין 0..1</p>",
        '<p>אחרי <bdi dir="ltr">1</bdi> < 2</p>',
        '<div dir="ltr"><p dir="rtl">a = 1</p></div>',
        "<svg><text>תמונה 6×6</text></svg>",
        '<svg aria-label="מ-U[−1/√K]"></svg>',
    ],
)
def test_an_operator_outside_of_isolation_is_found(inside: str) -> None:
    assert len(list(scrambled(f'<html dir="rtl">{inside}</html>'))) == 1


@pytest.mark.parametrize(
    "inside",
    [
        '<th><bdi dir="ltr">1/√K</bdi></th>',
        '<pre dir="ltr"><code>a = b</code></pre>',
        '<math dir="ltr"><mo>=</mo></math>',
        "<p>עד \u2066U[−1/√K]\u2069 ולא יותר</p>",
        "<svg><text>תמונה \u202a6×6\u202c</text></svg>",
        "<svg><text>−0.5</text></svg>",
        "<p>תת-תמונה, 3 פיקסלים</p>",
        "<style>a > b { color: red }</style>",
    ],
)
def test_what_is_isolated_is_let_pass(inside: str) -> None:
    assert list(scrambled(f'<html dir="rtl">{inside}</html>')) == []
