"""The printouts as golden files; and that they fit, whatever the shape."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from gettext import NullTranslations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from analytic import Geometry, derive
from analytic.locale import languages, translations
from analytic.render.text import render
from analytic.telling.document import Document

Golden = Callable[[str], SnapshotAssertion]
Samples = Mapping[str, Any]


def columns(line: str) -> int:
    return sum(unicodedata.category(sign) != "Cf" for sign in line)


def test_printout(document: Document, golden: Golden) -> None:
    assert render(document, NullTranslations()) == golden("txt")


def test_printout_in_hebrew(samples: Samples, golden: Golden) -> None:
    document = samples["strided and padded"].document()
    assert render(document, translations("he")) == golden("txt")


@pytest.mark.parametrize("language", languages())
def test_no_line_is_wider_than_eighty_columns(document: Document, language: str) -> None:
    for line in render(document, translations(language)).splitlines():
        assert columns(line) <= 80, line


@settings(max_examples=10)
@given(
    side=st.tuples(st.integers(1, 16), st.integers(1, 16)),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    step=st.integers(1, 3),
    channels=st.integers(1, 3),
)
def test_no_line_is_wider_whatever_the_shape(
    side: tuple[int, int], kernel: tuple[int, int], step: int, channels: int
) -> None:
    geometry = Geometry(side, kernel, stride=step, padding=4, out_channels=channels)
    text = render(derive(geometry).document, NullTranslations())
    assert max(map(len, text.splitlines())) <= 80


def test_long_printouts_are_cut_and_say_so(samples: Samples) -> None:
    text = render(samples["large"].document(), NullTranslations())

    assert len(text.splitlines()) < 500
    assert "∂Y/∂X has 676 × 784 elements. All but 6084 are 0:" in text
    assert "(668 more)" in text  # of the outputs, the first six and the last two are shown


def test_elements_with_two_digits_cannot_be_misread(samples: Samples) -> None:
    text = render(samples["indices of two digits"].document(), NullTranslations())

    assert "X[1,10]" in text
    assert "₁" not in text
