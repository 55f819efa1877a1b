from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from made_reports import RIGHT, finding, row

from conv_reference.verification.model.result import CheckResult, Finding, Report, Verdict
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


@pytest.mark.parametrize(
    ("late", "cell", "verdict"),
    [([True, True], "TIMED OUT", "timed out"), ([True, False], "TIMED OUT", "crashed")],
)
def test_what_only_did_not_return_in_time_is_no_crash_to_its_reader(
    late: list[bool], cell: str, verdict: str
) -> None:
    crashed = row("grad_input", verdict=Verdict.CRASHED)
    first, second = (
        replace(crashed, dtype=dtype, timed_out=own)
        for dtype, own in zip(("float32", "float64"), late, strict=True)
    )
    shown = finding(check="grad_input", verdict=Verdict.CRASHED, timed_out=True, dtype="float32")
    report = replace(RIGHT, checks=(first, second), findings=(shown,), notes=())
    (_, cells, _) = table(report).rows[0]
    assert str(cells[0]).startswith(cell)
    lines = text.render(report).splitlines()
    assert lines[0].partition(": ")[2].startswith(f"{verdict} (1 finding)")
    assert any(line.startswith("TIMED OUT: ") for line in lines)
    assert report.verdict == Verdict.CRASHED  # as a program reads it


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


def rounding(name: str, bits: float, bound: str = "normwise", **more: Any) -> CheckResult:
    return row(
        name,
        verdict=Verdict.ROUNDED,
        effective_bits=bits,
        expected_bits=24.0,
        bound=bound,
        miss_bound=None,
        **more,
    )


TRANSFORMS = (
    rounding("forward", 20.3),
    rounding("grad_input", 20.0),
    *(rounding(name, bits) for name, bits in zip(LATER, (22.0, 19.4, 23.0), strict=True)),
)


def rows_of(*checks: CheckResult, findings: tuple[Finding, ...] = ()) -> dict[str, str]:
    folded = table(replace(RIGHT, checks=checks, findings=findings), fold=True)
    return {name: str(cells[0]) for name, cells, _ in folded.rows}


def test_that_a_transform_rounds_is_one_line_with_the_fewest_bits() -> None:
    report = replace(RIGHT, checks=(*TRANSFORMS, row("shapes"), row("vmap")), findings=())
    assert rows_of(*report.checks) == {
        "forward": "rounded 20.3/24*",
        "grad_input": "rounded 20.0/24*",
        "3 round like these": "rounded 19.4/24*",
        "other 2 checks": "exact",
    }
    assert "round like these: that line has the fewest bits" in text.render(report)
    assert {*LATER} <= {name for name, _, _ in table(report).rows}


@pytest.mark.parametrize(
    "standing_out",
    [
        rounding("scales", 18.9),
        rounding("scales", 22.0, real=True),
        replace(rounding("scales", 50.0), dtype="float64"),
        row("scales", verdict=Verdict.WRONG),
    ],
    ids=["fewer bits", "over real numbers", "where the certificate is exact", "wrong"],
)
def test_a_row_that_says_more_than_that_it_rounds_stands_out(standing_out: CheckResult) -> None:
    exact = tuple(row(name, "float64") for name in ("forward", "grad_input"))
    shown = rows_of(*TRANSFORMS, *exact, standing_out)
    assert "scales" in shown
    assert "3 round like these" in shown


def test_a_row_stands_out_that_keeps_the_weaker_bound_alone() -> None:
    direct = tuple(replace(check, bound="componentwise") for check in TRANSFORMS)
    shown = rows_of(*direct, rounding("scales", 22.0))
    assert shown["scales"] == "rounded 22.0/24*"
    assert shown["3 round like these"] == "rounded 19.4/24"


def test_what_rounds_alike_and_fails_by_what_others_show_follows() -> None:
    names = ("jvp", "vmap", "compositions")
    failing = tuple(row(name, "float64", Verdict.WRONG) for name in ("forward", *names))
    beside = tuple(rounding(name, 22.0) for name in names)
    found = finding(check="forward", dtype="float64", fault=1, also=names)
    shown = rows_of(*TRANSFORMS, *beside, *failing, findings=(found,))
    assert [*shown][-2:] == ["3 round like these", "3 follow from these"]
    assert shown["3 follow from these"] == "rounded"  # in the first dtype, where nothing fails
