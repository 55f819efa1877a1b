"""What one line raises on an empty batch and on others: one fault, or two."""

from __future__ import annotations

import several

from conv_reference.verification import Verdict, verify
from conv_reference.verification.diagnosis.grouping.empty_batches import (
    filed_by_words,
    may_throw_alike,
)
from conv_reference.verification.diagnosis.grouping.group import Group, Groups
from conv_reference.verification.diagnosis.kinds import kind_of
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure, Judgement, Thrown
from conv_reference.verification.report.groups import groups

SIZES = "shape '[1, 1, -1, 2]' is invalid for input of size 1"
NOTHING = "cannot reshape tensor of 0 elements into shape [0, 1, -1, 2]"


def raised(message: str, batch: int, place: str = "conv.py:16") -> Failure:
    thrown = Thrown("RuntimeError", message, place)
    case = Case.parse(f"certificate float64 n{batch} h1 w3 k1x2")
    return Failure(case, Judgement("forward", "Y", Verdict.RAISED, thrown=thrown))


def grouped(*failures: Failure) -> Groups:
    """As they are met, before anything is filed."""
    found: Groups = {}
    for failure in failures:
        found.setdefault(kind_of(failure), Group()).failures.append(failure)
    return found


def test_what_a_line_raises_for_want_of_numbers_is_a_fault_beside_what_it_raises_for_a_size() -> (
    None
):
    sizes, nothing = raised(SIZES, 1), raised(NOTHING, 0)
    found = filed_by_words(grouped(sizes, raised(SIZES, 2), nothing))
    assert [len(group.failures) for group in found.values()] == [2, 1]
    assert not may_throw_alike(sizes, nothing)


def test_what_is_raised_in_the_same_words_is_one_whatever_the_batch_is() -> None:
    rows = {("jvp", "float32"): None}
    met = grouped(raised(SIZES, 0), raised(SIZES, 1), raised("another size", 2))
    met[kind_of(raised(SIZES, 0))].places = rows
    ((kind, group),) = filed_by_words(met).items()
    assert (kind, len(group.failures), group.places) == (kind_of(raised(SIZES, 1)), 3, rows)
    assert not may_throw_alike(raised(SIZES, 1), raised(SIZES, 1, "conv.py:17"))


def test_what_torch_raises_alone_is_one_by_its_words() -> None:
    found = filed_by_words(grouped(raised(SIZES, 0, ""), raised(SIZES, 1, "")))
    assert [len(group.failures) for group in found.values()] == [2]


def test_a_reshape_that_raises_for_both_reasons_is_told_with_both() -> None:
    report = verify(
        several.forgets_dilation,
        dtypes=["float64"],
        checks=["certificate", "degenerate"],
        cases=80,
        seed=1,
    )
    found = groups(report.findings)
    assert {(group.first.quantity, "n0" in group.first.geometry) for group in found} == {
        ("Y", False),
        ("Y", True),
    }
    assert not any("On other cases" in group.first.explanation for group in found)
