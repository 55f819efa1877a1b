from __future__ import annotations

import io
import re

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from conv_reference.chapter.figures import animation, chapter, files
from conv_reference.chapter.figures.experiment import moments_shown
from conv_reference.chapter.figures.theme import page_style, svg
from conv_reference.chapter.training import Run, Settings


def drawn(name: str) -> str:
    with page_style():
        figure = Figure(figsize=(3, 2))
        axes = figure.subplots()
        axes.imshow([[0, 1]])
        axes.set_title("a <title>")
        return svg(figure, name)


def test_figures_of_one_page_share_no_identifier() -> None:
    first, second = (set(re.findall(r' id="([^"]*)"', drawn(name))) for name in ("one", "two"))
    assert first
    assert not first & second


def test_every_reference_finds_its_identifier() -> None:
    text = drawn("one")
    wanted = re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', text)
    assert wanted
    assert {a or b for a, b in wanted} <= set(re.findall(r' id="([^"]*)"', text))


def test_a_figure_takes_the_pages_colour_and_size_and_nothing_from_elsewhere() -> None:
    text = drawn("one")
    opening = text[: text.index(">")]

    assert text.startswith("<svg")
    assert "currentColor" in text
    assert "viewBox" in opening
    assert "width=" not in opening
    assert "height=" not in opening
    assert "a &lt;title&gt;" in text
    assert not re.search(r'(href|src)="(http|//)', text)
    assert drawn("one") == text


@pytest.mark.parametrize("done", [0, 1, 2, 5, 938])
def test_moments_begin_at_the_first_kernel_and_end_at_the_last(done: int) -> None:
    shown = moments_shown(done)
    assert (shown[0], shown[-1]) == (0, done)
    assert shown == sorted(set(shown))
    assert len(shown) <= 7


def test_the_animation_moves_from_the_first_kernel_to_the_last() -> None:
    images = torch.rand(64, 5, 5, generator=torch.Generator().manual_seed(0))
    picture = Image.open(io.BytesIO(animation.gif(Run(images, Settings(batch_size=8)).finish())))

    assert picture.format == "GIF"
    assert getattr(picture, "n_frames", 1) == len(moments_shown(8, 40, ratio=1.2))


def test_the_chapters_figure_shows_what_the_caller_gives() -> None:
    image, kernel = torch.rand(6, 6), torch.rand(3, 3)
    figure = chapter.draw(image, kernel, torch.ones(3, 3), "blur")

    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:2] == ["The fixed kernel K", "The learned kernel"]
    assert f"{float(kernel[0, 0]):+.3f}" in [text.get_text() for text in figure.axes[1].texts]
    assert files.png(figure).startswith(b"\x89PNG")


def test_an_element_that_is_rounded_to_zero_has_no_sign_and_a_minus_is_a_minus() -> None:
    kernel = torch.tensor([[-0.0001, 0.0], [-0.25, 0.25]])
    figure = chapter.draw(torch.rand(6, 6), kernel, torch.ones(2, 2), "blur")

    shown = [text.get_text() for text in figure.axes[1].texts]
    assert shown == ["0.000", "0.000", "−0.250", "+0.250"]
