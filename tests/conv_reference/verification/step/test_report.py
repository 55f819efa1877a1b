from __future__ import annotations

import math
from typing import Any

import pytest

from conv_reference.geometry import Geometry
from conv_reference.verification.model.result import Report, Verdict
from conv_reference.verification.step.certificate import Certificate, Row, Seen
from conv_reference.verification.step.element import Element
from conv_reference.verification.step.places import Place
from conv_reference.verification.step.report import as_report

GEOMETRY = Geometry(batch=2, input_size=(3, 4), kernel_size=(2, 2))


def seen(*, limit: float = 1e-6, bits: float = 22.5) -> Seen:
    made = Seen()
    made.take(Verdict.ROUNDED, bits=bits, limit=limit)
    made.counted(1, is_wrong=False)
    made.take_exact(0.13)
    return made


def reported(quantities: dict[str, Seen], *, apart: bool = False) -> Report:
    row = Row("stem", GEOMETRY, "float32", transposed=False, calls=4, judged=3)
    row.quantities.update(quantities)
    options: dict[str, Any] = {"environment": {}, "seed": 0, "reproduce": "again"}
    return as_report(Certificate([row], steps=1), target="net", apart=apart, **options)


def test_both_answers_are_one_check_with_its_miss_bound_and_kind_of_bound() -> None:
    rounded = Seen()
    rounded.take(Verdict.ROUNDED, bits=20.0, limit=0.0)
    rounded.take_replay(Verdict.ROUNDED, bits=18.0, said="")
    direct, transform = reported({"Y": seen(), "dX": rounded}).checks
    assert (direct.name, direct.verdict, direct.cases) == ("stem Y", Verdict.ROUNDED, 3)
    assert (direct.effective_bits, direct.miss_bound, direct.bound) == (22.5, 0.13, "componentwise")
    assert (transform.effective_bits, transform.miss_bound) == (18.0, None)
    assert transform.bound == "normwise"


def test_apart_each_answer_is_a_check_and_bits_in_place_are_no_more_than_rounding_leaves() -> None:
    in_place, over_integers = reported({"Y": seen(bits=23.9)}, apart=True).checks
    assert (in_place.name, in_place.effective_bits) == ("stem Y in place", 22.0)
    assert in_place.miss_bound is None
    assert (over_integers.name, over_integers.effective_bits) == ("stem Y over integers", None)
    assert over_integers.miss_bound == 0.13
    (low, _) = reported({"Y": seen(bits=19.0)}, apart=True).checks
    assert low.effective_bits == 19.0
    (whole, _) = reported({"Y": seen(bits=math.inf)}, apart=True).checks
    assert whole.effective_bits is None


@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
def test_what_is_wrong_is_a_finding_with_its_element_calls_and_steps(apart: bool) -> None:
    wrong = seen()
    place = Place((1, 0, 2, 3), 0.5, 2.0, 1.0, True, 0.0, 0.0)
    wrong.found(Element("Y[1,0,2,3]", place, (", alone at this pixel", ": TF32")))
    wrong.take(Verdict.WRONG, bits=1.0, limit=0.0)
    for step in (4, 9):
        wrong.counted(step, is_wrong=True)
    (finding,) = reported({"Y": wrong, "dX": seen()}, apart=apart).findings
    assert finding.check == ("stem Y in place" if apart else "stem Y")
    assert (finding.index, finding.expected, finding.actual) == ((1, 0, 2, 3), "0.5", "2")
    assert finding.occurrences == 2
    assert finding.circumstances == "In place wrong in 2 of 3 calls, in steps 4, 9"
    assert finding.explanation == (
        "Y[1,0,2,3]\n  should be 0.5\n  is        2\nalone at this pixel: TF32"
    )
    assert finding.seen == "Y[1,0,2,3]"


def test_the_notes_say_the_usual_limit_the_greatest_and_what_may_be_missed() -> None:
    limits = dict(zip(("Y", "dX", "dK"), (1e-6, 4e-3, 2e-5), strict=True))
    notes = [str(n) for n in reported({k: seen(limit=v) for k, v in limits.items()}).notes]
    (said,) = (note for note in notes if "would be reported" in note)
    assert "2e-05 in the median of what was judged, 4e-03 at most" in said
    assert any("nor what hooks or a forward pass do around it" in note for note in notes)
    assert any("missed in place: " in note for note in notes)
    assert any("missed over integers: " in note and "at most 13 %" in note for note in notes)
