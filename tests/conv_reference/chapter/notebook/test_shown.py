from __future__ import annotations

from html import unescape

import pytest
import torch

from conv_reference.chapter.notebook import own, section
from conv_reference.chapter.parts.exercise_3 import Exercise3
from conv_reference.chapter.parts.material import Material
from conv_reference.chapter.training import Settings
from conv_reference.layer import ConvLayer_1


@pytest.fixture
def material() -> Material:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(1, 256, (2, 28, 28), generator=generator, dtype=torch.uint8)
    return Material(pixels, Settings())


def test_a_section_is_a_part_of_the_page_in_a_frame(material: Material) -> None:
    shown = section("exercise-3", material, "he")
    frame = shown._repr_html_()

    assert isinstance(shown.part, Exercise3)
    assert frame.startswith("<iframe srcdoc=")
    page = unescape(frame)
    assert '<html lang="he" dir="rtl">' in page
    assert page.count("<h1") == 0
    assert page.count("<h2") == 1


def test_a_part_that_is_not_there_is_refused(material: Material) -> None:
    with pytest.raises(ValueError, match="the part must be one of .*, got 'cost'"):
        section("cost", material)


@pytest.mark.slow
def test_a_layer_of_the_notebook_is_held_against_the_definition(
    capsys: pytest.CaptureFixture[str],
) -> None:
    own(ConvLayer_1)
    printed = capsys.readouterr().out
    assert "Right: nothing is to be mended." in printed
    assert "conv-reference verify" not in printed  # there is no file of it
