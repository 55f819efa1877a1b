from __future__ import annotations

from dataclasses import replace
from typing import Any

from made_reports import RIGHT, finding, row

from conv_reference.verification.model.result import Finding, Report, Verdict
from conv_reference.verification.report import text
from conv_reference.verification.report.table import table

LATER = ("additivity", "homogeneity", "adjointness")


def of_one_fault(*more: Finding) -> Report:
    """One fault in `forward`, from which three laws fail; `shapes` and `vmap` are exact."""
    failing = [row(name, verdict=Verdict.WRONG) for name in ("forward", *LATER)]
    shown = finding(check="forward", dtype="float32", fault=1, also=LATER)
    checks = (*failing, row("shapes"), row("vmap"))
    return replace(RIGHT, checks=checks, findings=(shown, *more), notes=())


def test_rows_that_fail_by_what_others_show_are_one_line() -> None:
    report = of_one_fault()
    names = [name for name, _, _ in table(report, fold=True).rows]
    assert names == ["forward", "3 follow from these", "other 2 checks"]
    assert {*LATER} <= {name for name, _, _ in table(report).rows}
    assert "  from it follow failures of additivity, homogeneity, adjointness\n" in text.render(
        report
    )


def test_the_line_says_the_worst_of_them_and_which_findings_they_follow() -> None:
    own: dict[str, Any] = {
        "explanation": "another",
        "cause": "",
        "geometry": "n1 c1 h1 w1 o1 k1x1 s1 p0 d1 g1",
    }
    second = finding(check="scales", dtype="float32", fault=2, also=(LATER[1],), **own)
    report = of_one_fault(second)
    raised = [
        replace(check, verdict=Verdict.RAISED) if check.name in LATER[1:] else check
        for check in report.checks
    ]
    folded = table(replace(report, checks=tuple(raised)), fold=True)
    assert {name: str(cells[0]) for name, cells, _ in folded.rows}["3 follow from these"] == (
        "WRONG see 1, 2"
    )


def test_what_is_exact_in_one_dtype_alone_is_not_said_to_be_in_another() -> None:
    alone = [row(name, "float64") for name in ("gradgradcheck", "jacrev", "jacfwd")]
    report = replace(RIGHT, checks=(*alone, row("shapes", "float64"), row("shapes")), findings=())
    folded = table(report, fold=True)
    (name, cells, _) = folded.rows[-1]
    shown = dict(zip(folded.dtypes, map(str, cells), strict=True))
    assert (name, shown) == ("all 4 checks", {"float64": "exact", "float32": "exact (1)"})
    assert "(n): how many of the checks on that line were asked in the dtype." in text.render(
        report
    )


def test_of_what_fails_by_others_the_worst_is_shown_and_what_is_exact_is_not_left_out() -> None:
    report = of_one_fault()
    crashed = [
        replace(check, verdict=Verdict.CRASHED) if check.name == LATER[1] else check
        for check in report.checks
    ]
    right = [row(name, "float64") for name in LATER]
    folded = table(replace(report, checks=(*crashed, *right)), fold=True)
    (cells,) = (cells for name, cells, _ in folded.rows if name == "3 follow from these")
    assert dict(zip(folded.dtypes, map(str, cells), strict=True)) == {
        "float32": "CRASHED",  # a single finding has no number
        "float64": "exact",
    }


def test_a_row_that_says_more_than_that_it_follows_stays() -> None:
    report = of_one_fault()
    bits = row("additivity", "float64", Verdict.ROUNDED, effective_bits=50.0)
    folded = table(replace(report, checks=(*report.checks, bits)), fold=True)
    # Two are left, and have no line of their own.
    assert [name for name, _, _ in folded.rows][:4] == ["forward", *LATER]


def test_what_follows_is_named_by_its_checks_and_not_by_its_case() -> None:
    elsewhere = finding(
        check="explicit_padding",
        dtype="float32",
        verdict=Verdict.RAISED,
        geometry="n1 c1 h3 w3 o1 k1x1 s1 p2 d1 g1",
        fault=1,
        follows=True,
    )
    shown = text.render(of_one_fault(elsewhere))
    assert "likewise" not in shown
    assert "explicit_padding" in shown
