"""Findings of one fault: what is said of the others beside the first."""

from __future__ import annotations

from made_reports import finding

from conv_reference.verification.model.result import Verdict
from conv_reference.verification.report.groups import groups

SMALL, TINY = "n1 c1 h3 w3 o1 k1x2 s1 p0 d1x2 g1", "n1 c1 h1 w2 o1 k1x2 s1 p0 d2x1 g1"


def test_dtypes_that_differ_in_nothing_else_share_a_line() -> None:
    (group,) = groups(
        finding(fault=1, geometry=geometry, dtype=dtype, layout="contiguous")
        for geometry in (SMALL, TINY)
        for dtype in ("float64", "float32", "float16")
    )
    assert group.likewise == ("float32, float16", f"float64, float32, float16 on {TINY}")


def test_each_dtype_is_named_where_what_follows_alone_shows_it() -> None:
    first = finding(fault=1, geometry=SMALL, dtype="float64")
    follows = [
        finding(fault=1, geometry=TINY, check="vmap", dtype=dtype, follows=True)
        for dtype in ("float64", "float16", "bfloat16")
    ]
    (group,) = groups([first, *follows])
    assert group.likewise == ("float16, bfloat16, by what follows from it alone",)


def test_each_dtype_is_named_where_the_places_are_too_many_to_be() -> None:
    first = finding(fault=1, geometry=SMALL)
    sizes = [f"n{n} c1 h1 w2 o1 k1x2 s1 p0 d1 g1" for n in range(1, 9)]
    others = [
        finding(fault=1, geometry=size, dtype="float16" if size == sizes[-1] else "float32")
        for size in sizes
    ]
    (group,) = groups([first, *others])
    assert len(group.likewise) == 7
    assert group.likewise[-1] == "2 more, in float16"


def test_what_shows_otherwise_is_said_with_the_case() -> None:
    first = finding(fault=1, geometry=SMALL, quantity="Y", check="forward")
    raised = finding(
        fault=1,
        geometry=TINY,
        layout="input=sliced",
        quantity="Y",
        verdict=Verdict.RAISED,
        explanation="raised RuntimeError: too small\nMore of it.",
    )
    lost = finding(fault=1, geometry=TINY, check="requires_grad", explanation="is no gradient")
    follows = finding(fault=1, geometry=TINY, check="vmap", follows=True)

    (group,) = groups([first, raised, lost, follows])
    assert group.likewise == (
        f"float32 on {TINY}, input=sliced: raised RuntimeError: too small, in 812 cases",
        f"float32 on {TINY}: dX: is no gradient",
    )


def test_what_follows_brings_no_other_fault_along_by_the_cause_of_its_own() -> None:
    """Two faults of what is kept say so alike: of one what raises is under what is wrong."""
    stale = finding(fault=1, cause="It is kept.", geometry=SMALL)
    raised = {"verdict": Verdict.RAISED, "cause": "It is kept.", "geometry": TINY}
    under = finding(fault=1, follows=True, check="vmap", **raised)
    other = finding(fault=2, check="calls_before", explanation="raised", **raised)
    assert [len(group.findings) for group in groups([stale, under, other])] == [2, 1]


def test_the_same_words_of_another_row_are_not_repeated() -> None:
    raised = {
        "fault": 1,
        "verdict": Verdict.RAISED,
        "seen": "raised ZeroDivisionError: n",
        "layout": "contiguous",
    }
    first = finding(geometry=SMALL, check="nonfinite_input", quantity="dX", **raised)
    other = finding(geometry=TINY, check="grad_input", quantity="dX", **raised)
    (group,) = groups([first, other])
    assert group.likewise == (f"float32 on {TINY}",)


def test_the_place_is_that_of_the_quantity_not_of_what_it_is_along() -> None:
    """Of the tangent along b, which has one dimension, an element has four indices."""
    for quantity, shown in (
        ("tangent of Y along b", "tangent of Y along b at [0,1,0,0]"),
        ("Y", "Y[0,1,0,0]"),
    ):
        (group,) = groups([finding(quantity=quantity, index=(0, 1, 0, 0), geometry=SMALL)])
        assert group.title.startswith(f"{shown} in float32 on")


def test_where_several_quantities_failed_the_number_of_cases_is_the_least() -> None:
    y, dX = (finding(quantity=each, fault=1, occurrences=7) for each in ("Y", "dX"))
    other = finding(quantity="dX", fault=1, dtype="float64", occurrences=3)
    assert [group.extent for group in groups([y, other])] == ["10 cases"]
    assert [group.extent for group in groups([y, dX, other])] == ["at least 10 cases"]


def test_where_the_cases_are_known_each_is_counted_once() -> None:
    """A Y of another shape and one that raises are of different cases, Y and dX often of one."""
    ways = {
        "Y": (Verdict.WRONG, {1, 2, 3}, {1}),
        "dX": (Verdict.WRONG, {3, 4}, {3}),
        "": (Verdict.RAISED, {5, 6}, {5}),
    }
    found = [
        finding(
            fault=1,
            quantity=quantity,
            verdict=verdict,
            occurrences=len(cases),
            in_check=len(met),
            cases=frozenset(cases),
            cases_in_check=frozenset(met),
        )
        for quantity, (verdict, cases, met) in ways.items()
    ]
    (group,) = groups(found)
    assert group.seen == "seen in 6 cases, in 3 of them by"
    (group,) = groups([*found, finding(fault=1, quantity="dK", occurrences=9)])
    assert group.extent == "at least 9 cases"


def test_a_raise_in_the_same_place_is_not_the_same_in_another_dtype() -> None:
    first = finding(fault=1, geometry=SMALL, layout="contiguous", quantity="Y")
    raised = finding(
        fault=1,
        geometry=SMALL,
        layout="contiguous",
        quantity="Y",
        dtype="float16",
        verdict=Verdict.RAISED,
        seen="raised RuntimeError",
    )
    (group,) = groups([first, raised])
    assert group.likewise == (f"float16 on {SMALL}: raised RuntimeError, in 812 cases",)


def test_the_cases_of_the_named_checks_are_told_from_those_of_others() -> None:
    (group,) = groups([finding(occurrences=270, in_check=150)])
    assert group.seen == "seen in 270 cases, in 150 of them by"
    other = finding(dtype="float64", occurrences=3)  # nothing else is said: all are its own
    (group,) = groups([finding(occurrences=7, in_check=7), other])
    assert group.seen == "seen in 10 cases, by"
    (group,) = groups([finding(occurrences=2, in_check=0)])
    assert group.seen == "seen in 2 cases of other checks, and then on the same operands by"
    also = finding(quantity="dX", fault=1, occurrences=9, in_check=4)
    (group,) = groups([finding(fault=1, quantity="Y", occurrences=7, in_check=7), also])
    assert group.seen == "seen in at least 9 cases, in at least 4 of them by"


def test_where_one_fault_fails_otherwise_it_is_said_in_how_many_cases() -> None:
    wrong = finding(fault=1, occurrences=7)
    raised = [
        finding(
            fault=1,
            verdict=Verdict.RAISED,
            seen="raised ValueError",
            geometry=SMALL,
            dtype=dtype,
            occurrences=occurrences,
        )
        for dtype, occurrences in (("float64", 20), ("float32", 11))
    ]
    (group,) = groups([wrong, *raised])
    told = f"float64, float32 on {SMALL}: raised ValueError, in 31 cases"
    assert group.likewise == (told,)


def test_what_follows_adds_no_cases() -> None:
    """dX may be wrong in more cases than Y: the sentence speaks of the check that it names."""
    dX = finding(quantity="dX", fault=1, follows=True, occurrences=9)
    (group,) = groups([finding(quantity="Y", fault=1, occurrences=7), dX])
    assert group.extent == "7 cases"
