from __future__ import annotations

from gettext import NullTranslations

import pytest
from sympy import Symbol

from analytic import Geometry, derive
from analytic.calculus.closed_form import ClosedForm
from analytic.telling import wording
from analytic.telling.document import Check, Paragraph
from analytic.telling.message import Message

X = Symbol("X")


def said(message: Message) -> str:
    return message.translate(NullTranslations(), str)


def paragraphs(geometry: Geometry, step: int) -> list[str]:
    blocks = derive(geometry).steps[step].blocks
    return [said(block.text) for block in blocks if isinstance(block, Paragraph)]


@pytest.mark.parametrize(
    ("count", "name", "heading"),
    [
        (0, "never", "The derivative with respect to pixels that never take part is 0."),
        (1, "once", "Pixels that take part once:"),
        (2, "twice", "Pixels that take part twice:"),
        (3, "3 times", "Pixels that take part 3 times:"),
    ],
)
def test_cases_are_named_as_people_count(count: int, name: str, heading: str) -> None:
    assert said(wording.times(count)) == name
    assert said(wording.case_heading(count)) == heading


def test_the_window_moves_by_the_stride() -> None:
    assert "2 down and 3 to the right" in paragraphs(Geometry(5, 2, stride=(2, 3)), 0)[0]
    assert "down" not in paragraphs(Geometry(5, 2), 0)[0]


@pytest.mark.parametrize(
    ("geometry", "unseen"),
    [
        (Geometry(4, 1, stride=2), True),
        (Geometry((1, 3), (1, 2), dilation=2), True),
        (Geometry(3, 2, stride=2), True),
        (Geometry(4, 2, stride=2), False),
        (Geometry(3, 2), False),
    ],
    ids=["stride", "dilation", "remainder", "none skipped", "chapter's kind"],
)
def test_unseen_pixels_are_spoken_of_where_there_are_any(geometry: Geometry, unseen: bool) -> None:
    spoken = any("No output sees these." in text for text in paragraphs(geometry, 3))
    assert spoken is unseen
    assert spoken is (derive(geometry).cases[0].count == 0)


def test_the_second_order_adds_the_bias_only_where_there_is_one() -> None:
    with_bias = paragraphs(Geometry(2, 1, bias=True), -1)
    without = paragraphs(Geometry(2, 1), -1)
    assert any(text.endswith("plus Z as the bias.") for text in with_bias)
    assert not any("bias" in text for text in without)


@pytest.mark.parametrize(
    ("elements", "holds", "verdict"),
    [
        ({(0,): X}, True, "Checked symbol by symbol: the same element as above."),
        (
            {(0,): X, (1,): X},
            True,
            "Checked symbol by symbol: the same 2 elements as above.",
        ),
        ({(0,): X}, False, "Refuted: the elements above are others."),
    ],
    ids=["one", "several", "refuted"],
)
def test_the_verdict_is_what_the_check_gave(
    elements: dict[tuple[int, ...], Symbol], holds: bool, verdict: str
) -> None:
    assert said(wording.verdict(ClosedForm(elements, holds))) == verdict


def test_a_refuted_claim_is_printed_as_refuted() -> None:
    checks = [
        b for step in derive(Geometry(2, 1)).steps for b in step.blocks if isinstance(b, Check)
    ]
    assert all(check.holds and not said(check.verdict).startswith("Refuted") for check in checks)


def test_opposite_sides_of_padding_are_told_apart_where_they_differ() -> None:
    facts = {said(fact) for fact in derive(Geometry(3, 2, padding=(1, 1, 2, 2))).document.facts}
    assert "padding 1×2" in facts
    facts = {said(fact) for fact in derive(Geometry(3, 2, padding=(1, 0, 2, 2))).document.facts}
    assert "padding 1 at the top, 0 at the bottom, 2 on the left, 2 on the right" in facts
