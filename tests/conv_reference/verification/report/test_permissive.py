"""Impossible arguments that are answered: shown everywhere, and failing with ``strict`` alone."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest
from made_reports import RIGHT, WRONG, finding, row

from conv_reference.verification.gate.expected import expecting
from conv_reference.verification.model.result import Report, Verdict
from conv_reference.verification.reading.patterns import Pattern
from conv_reference.verification.report import html, junit, markdown, text
from conv_reference.verification.report import json as format_json
from conv_reference.verification.report.view import View

SAID = "answered, though there is no such convolution:\n  a negative stride: stride=(-1, 1)"
ANSWERED = finding(
    check="refusals",
    verdict=Verdict.PERMISSIVE,
    quantity="Y",
    index=(),
    explanation=SAID,
    cause="",
    circumstances="",
    grids="",
    occurrences=1,
)
PERMISSIVE = replace(
    RIGHT,
    checks=(*RIGHT.checks, row("refusals", verdict=Verdict.PERMISSIVE)),
    findings=(ANSWERED,),
)
STRICT = replace(PERMISSIVE, strict=True)
BOTH = replace(
    PERMISSIVE,
    checks=(*PERMISSIVE.checks, row("grad_bias", verdict=WRONG)),
    findings=(ANSWERED, finding(check="grad_bias", quantity="db")),
)
WORDS = "; permissive: it answers arguments for which there is no convolution"


def test_it_passes_but_where_strictness_is_asked_for() -> None:
    assert PERMISSIVE.passed
    assert PERMISSIVE.verdict == Verdict.PERMISSIVE
    assert not STRICT.passed
    assert not BOTH.passed


@pytest.mark.parametrize(
    ("report", "first", "last"),
    [
        (
            PERMISSIVE,
            f"right, bit for bit over integers, on 11,300 cases{WORDS}",
            f"right, bit for bit over integers, in float32, float64, on 11,300 cases{WORDS}",
        ),
        (
            STRICT,
            "permissive (1 finding), which does not pass with --strict, on 11,300 cases",
            "permissive (1 finding), which does not pass with --strict",
        ),
        (
            BOTH,
            f"wrong (1 finding, 1 permissive), on 11,300 cases{WORDS}",
            "wrong (1 finding, 1 permissive), on 11,300 cases: wrong in float32; what fails there "
            f"was not judged in float64{WORDS}",
        ),
        (
            replace(PERMISSIVE, checks=(row("refusals", verdict=Verdict.PERMISSIVE),)),
            f"{WORDS[2:]}, on 11,300 cases",
            WORDS[2:],
        ),
    ],
    ids=["permissive", "strict", "wrong as well", "alone"],
)
def test_the_first_and_the_last_line_say_it(report: Report, first: str, last: str) -> None:
    lines = text.render(report, View(status=0)).splitlines()
    assert lines[0] == f"my_kernels:conv2d: {first}"
    assert lines[-1].startswith(f"my_kernels:conv2d: {last}")


def test_what_follows_from_what_is_wrong_is_not_said_to_be_permissive() -> None:
    """As an answer that was kept, of other arguments with these sizes."""
    wrong = finding(check="grad_bias", quantity="db", fault=1)
    report = replace(BOTH, findings=(wrong, replace(ANSWERED, fault=1, follows=True)))
    printed = text.render(report)
    assert "my_kernels:conv2d: wrong (1 finding), on 11,300 cases\n" in printed
    assert "permissive:" not in printed
    assert "from it follow failures of refusals" in printed


def test_what_is_wrong_comes_before_it_and_it_names_no_geometry_and_derives_none() -> None:
    printed = text.render(BOTH)
    assert printed.index("1. WRONG: db") < printed.index(
        "2. PERMISSIVE: arguments without a convolution are answered, in float32\n"
    )
    assert "analytic" in text.render(BOTH)
    assert "analytic" not in text.render(PERMISSIVE)


def test_it_is_skipped_in_junit_and_fails_where_it_is_strict() -> None:
    passed, failed = junit.render(PERMISSIVE), junit.render(STRICT)
    assert '<skipped type="permissive" message="Y on ' in passed
    assert 'failures="0"' in passed
    assert '<failure type="permissive" ' in failed


def test_github_is_warned_and_shown_an_error_where_it_is_strict() -> None:
    (warning,), (error,) = map(markdown.annotations, (PERMISSIVE, STRICT))
    assert warning.startswith("::warning title=permissive%3A arguments without a convolution")
    assert error.startswith("::error ")
    assert markdown.render(PERMISSIVE).startswith("### ✅")
    assert markdown.render(STRICT).startswith("### ❌")


def test_the_page_is_right_and_its_finding_is_not_red() -> None:
    page = html.render(PERMISSIVE)
    assert '<body class="right">' in page
    assert '<span class="permissive">permissive</span>' in page
    assert '<body class="wrong">' in html.render(STRICT)


def test_json_and_its_schema_know_it() -> None:
    content = json.loads(format_json.render(PERMISSIVE))
    jsonschema.validate(content, format_json.schema())
    assert (content["verdict"], content["passed"], content["strict"]) == ("permissive", True, False)


def test_a_file_of_expected_failures_may_name_it() -> None:
    expected = expecting(STRICT, [Pattern("refusals-*", "it crops")])
    assert expected.passed
    assert not expected.unexpected


@pytest.mark.parametrize("asked", [RIGHT.planned, 8 * RIGHT.planned])
def test_a_page_of_a_run_that_was_cut_early_says_so(asked: int) -> None:
    page = html.render(replace(RIGHT, planned=asked))
    early = asked > RIGHT.planned
    assert (">barely tried<" in page) == early
    assert (f'<body class="{"unchecked" if early else "right"}">') in page
