from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from conv_reference.chapter.advantages.cost import Cost
from conv_reference.chapter.language import LANGUAGES
from conv_reference.chapter.page import Page, render
from conv_reference.chapter.parts import PARTS
from conv_reference.chapter.parts.material import Part
from conv_reference.cli import command_parser
from tests.conv_reference.chapter.isolation import VOID, scrambled

pytestmark = pytest.mark.slow


class Elements(HTMLParser):
    """The elements with their attributes and text; balance is checked on the way."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)


def page(parts: Mapping[str, Part], **changes: Any) -> Page:
    return Page(
        **{
            "language": "en",
            "options": (),
            "images": 640,
            "quick": True,
            "source": "somewhere",
            "genuine": False,
            "minutes": 0.1,
            "versions": "of the test",
            "sections": parts,
            **changes,
        }
    )


@pytest.fixture(params=list(LANGUAGES))
def html(pages: Mapping[str, str], request: pytest.FixtureRequest) -> str:
    return pages[str(request.param)]


def test_elements_are_balanced_and_identifiers_unique(html: str) -> None:
    elements = Elements(html)
    assert elements.open == []
    identifiers = Counter(attrs["id"] for _, attrs in elements.found if "id" in attrs)
    assert identifiers.most_common(1)[0][1] == 1
    for tag, attrs in elements.found:
        if tag == "a":
            assert (attrs["href"] or "")[1:] in identifiers


def test_the_page_is_self_contained(html: str) -> None:
    for tag, attrs in Elements(html).found:
        for name in ("src", "href", "xlink:href", "data", "action"):
            value = attrs.get(name) or "#"
            assert value.startswith(("#", "data:")), (tag, value)
    scripts = [attrs for tag, attrs in Elements(html).found if tag == "script"]
    assert [attrs.get("id") for attrs in scripts] == ["data", None]  # of the answers
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_every_figure_has_a_caption_and_alternative_text(html: str) -> None:
    elements = Elements(html).found
    drawings = [attrs for tag, attrs in elements if tag == "svg"]
    assert len(drawings) == sum(tag == "figcaption" for tag, _ in elements) == 17
    for attrs in drawings:
        assert attrs["role"] == "img"
        assert len(attrs["aria-label"] or "") > 40
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", html, flags=re.DOTALL)
    assert min(len(caption.strip()) for caption in captions) > 40


def test_every_command_on_the_page_is_one_that_the_parser_takes(html: str) -> None:
    commands = [
        text.strip() for text in Elements(html).text["code"] if text.startswith("conv-reference")
    ]
    assert len(commands) >= len(PARTS) + 5
    for command in commands:
        command_parser().parse_args(shlex.split(command)[1:])
    for name in PARTS:
        assert any(f"--only {name}" in command for command in commands)
    again = [command for command in commands if "--raw" in command or "--init scaled" in command]
    assert len(again) == 3
    assert all(" --images " in command for command in again)  # not those of a whole run


def test_the_numbers_are_those_of_the_run(parts: Mapping[str, Any], pages: Any) -> None:
    html = pages["en"]
    run, limit = parts["experiment"].run, parts["exercise-1"].normalised

    assert f">{run.final_loss:.3g}</bdi> (the mean" in html
    assert f">{limit.predicted:.4g}</bdi>" in html
    element = parts["exercise-3"].patch.by_kernel[0].symbolic
    assert f">{element:,}</bdi>".replace("-", "−") in html


def test_what_is_said_of_the_chapters_kernel_is_said_of_no_other(
    parts: Mapping[str, Any], pages: Any
) -> None:
    experiment = parts["experiment"]
    blur = replace(experiment, run=parts["filters"].filters[3])
    html = render(page({"experiment": blur}))

    assert blur.run.settings.target == "blur"
    assert "detector of vertical edges" in pages["en"]
    assert "detector of vertical edges" not in html


def test_quick_says_so_and_so_does_another_data_set(parts: Mapping[str, Part]) -> None:
    few = {"exercise-3": parts["exercise-3"]}
    quick, other, genuine = (
        render(page(few, **changes))
        for changes in (
            {"quick": True},
            {"quick": False},
            {"quick": False, "genuine": True},
        )
    )
    assert "This is the quick version" in quick
    assert "--quick" in quick
    assert "These are not the 60,000 images" in other
    assert 'class="notice"' not in genuine
    assert "--quick" not in genuine


def test_what_comes_from_outside_is_escaped(parts: Mapping[str, Part]) -> None:
    few = {"exercise-3": parts["exercise-3"]}
    html = render(page(few, source="<b>&", options=("--data", "a b<i>")))

    assert "&lt;b&gt;&amp;" in html
    assert "--data &#39;a b&lt;i&gt;&#39;" in html
    assert "<b>&" not in html
    assert "<i>" not in html


def test_hebrew_runs_from_right_to_left_and_formulas_do_not(pages: Any) -> None:
    html = pages["he"]

    assert '<html lang="he" dir="rtl">' in html
    assert html.count('<math dir="ltr"') == html.count("<math") > 10
    assert "Repeat it" not in html
    assert "Repeat it" in pages["en"]


def test_no_formula_is_scrambled_from_right_to_left(pages: Any) -> None:
    assert list(scrambled(pages["he"])) == []


def test_no_formula_in_a_sentence_is_torn_at_its_signs(html: str) -> None:
    outside = re.sub(r"<(bdi|svg|script|style)\b.*?</\1>", "", html, flags=re.DOTALL)

    assert re.findall(r">[^<]*(?:1/[λ√]|√\(|U\[)[^<]*", outside) == []


def test_commands_of_a_hebrew_page_ask_for_hebrew(pages: Any) -> None:
    commands = [
        text
        for text in Elements(pages["he"]).text["code"]
        if text.startswith(("conv-reference", "python -m analytic"))
    ]
    assert len(commands) >= len(PARTS) + 6
    assert [text for text in commands if "--language he" not in text] == []
    assert "--language" not in pages["en"]


def test_a_command_has_each_option_once() -> None:
    given = page({}, options=("--images", "640", "--seed", "3"), quick=False)

    assert given.command(run_of=640) == "conv-reference chapter --images 640 --seed 3"
    assert page({}).command(run_of=640) == "conv-reference chapter --images 640"
    assert page({}, language="he").command(run_of=60_000) == "conv-reference chapter --language he"


def test_only_what_is_shown_is_said_to_be_repeated(pages: Any) -> None:
    repeats = re.findall(r"Repeat it:</span>\s*<pre[^>]*><code>(.*?)</code>", pages["en"])

    assert len(repeats) == len(PARTS) + 1 + 1 + 2 + 2  # the page, the run, raw pixels, filters
    assert not [text for text in repeats if "--check" in text or "analytic" in text]


def test_rows_of_a_gradient_name_the_derivative(pages: Any) -> None:
    for language in LANGUAGES:
        assert '<th scope="row"><bdi dir="ltr">∂C/∂K₀₁</bdi></th>' in pages[language]
        assert '<th scope="row"><bdi dir="ltr">∂C/∂X₁₂</bdi></th>' in pages[language]


def test_the_books_layer_is_the_one_that_is_listed(pages: Any) -> None:
    for html in pages.values():
        listed = html[html.index('<section id="code"') :]
        assert "def __init__(self, kernel_size):" in listed
        assert "Y = torch.zeros(N, H - h + 1, W - w + 1)" in listed


def test_the_picture_of_exercise_3_is_stepped_through_without_a_script(pages: Any) -> None:
    html = pages["en"]
    steps = [attrs for tag, attrs in Elements(html).found if attrs.get("type") == "radio"]
    drawn = html[html.index('<fieldset class="stepper">') : html.index("</fieldset>")]
    labels = {attrs["for"] for tag, attrs in Elements(drawn).found if tag == "label"}

    assert {attrs["id"] for attrs in steps} == labels
    assert len(steps) == html.count('class="frame"') == 6
    assert len({attrs["name"] for attrs in steps}) == 1  # so that the arrow keys step
    assert sum("checked" in attrs for attrs in steps) == 1
    for place in range(1, 7):  # the style sheet knows each
        assert f"input:nth-of-type({place}):checked ~ .frame:nth-of-type({place})" in html


def test_the_style_of_the_answers_has_the_pages_colours(pages: Any) -> None:
    html = pages["en"]
    named = set(re.findall(r"var\((--[\w-]+)\)", html))

    assert [name for name in named if f"{name}:" not in html] == []


def test_the_page_says_at_which_size_the_layer_is_faster_and_never_the_opposite(
    parts: Mapping[str, Any],
) -> None:
    def sides(*faster: bool) -> str:
        costs = tuple(
            Cost(8 * 2**place, 1, 1, 1.0, 3.0 if one else 0.5) for place, one in enumerate(faster)
        )
        html = render(page({"advantages": replace(parts["advantages"], costs=costs)}))
        return " ".join(re.sub("<.*?>", "", html[html.index("Cost") :]).split())

    assert "between 8 and 16 pixels: from there on the layer is faster" in sides(False, True, True)
    assert "the dense map takes 3 times as long. It was so at every size" in sides(True, True)
    nowhere = sides(True, False)
    assert "begins beyond the sizes that were measured" in nowhere
    assert "times as long" not in nowhere


def test_the_animation_is_there_on_request_alone(parts: Mapping[str, Part], pages: Any) -> None:
    few = {"experiment": parts["experiment"]}
    assert "image/gif" not in pages["en"]
    assert "data:image/gif;base64,AAAA" in render(page(few, animation="data:image/gif;base64,AAAA"))
