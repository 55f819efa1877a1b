from __future__ import annotations

import json
from dataclasses import replace
from html import unescape

import jsonschema
import pytest
from junitparser import JUnitXml
from made_reports import BROKEN_CASE, FAULTY, RIGHT, UNJUDGED, finding, hostile, row
from syrupy.assertion import SnapshotAssertion

from conv_reference.verification.gate.baseline import BaselineError, baseline_of
from conv_reference.verification.gate.gate import GateResult, OnFound, run_gate
from conv_reference.verification.gate.parameters import Parameters
from conv_reference.verification.gate.report import commands, view
from conv_reference.verification.model.result import Report, Verdict
from conv_reference.verification.report import formats, renderer
from conv_reference.verification.report import json as report_json

SEED, FRESH = RIGHT.seed, 99
BASELINE = baseline_of(RIGHT, Parameters(dtypes=("float32", "float64")))
WRONG_ROW = row("grad_input", "float32", Verdict.WRONG)
BROKEN = replace(
    RIGHT,
    checks=tuple(
        WRONG_ROW if (check.name, check.dtype) == ("grad_input", "float32") else check
        for check in RIGHT.checks
    ),
    findings=(finding(), finding(check="nonfinite", explanation="there before", known="D")),
)


def told(form: str, result: GateResult) -> str:
    return renderer(form)(result.repeated, view(result))


def gate(
    repeated: Report, fresh: Report, on_found: OnFound = OnFound.FAIL, margin: float = 1.0
) -> GateResult:
    reports = {SEED: repeated, FRESH: replace(fresh, seed=FRESH)}
    return run_gate(reports.__getitem__, BASELINE, FRESH, on_found, margin=margin)


def test_nothing_changed_is_green() -> None:
    result = gate(RIGHT, RIGHT)

    assert result.status == 0
    assert told("text", result).splitlines()[0] == (
        "my_kernels:conv2d: green: 8 rows hold as in the baseline, 2 more unsupported as before, "
        "on all 11,300 of its cases, and all 11,300 fresh cases found nothing"
    )


def test_a_green_says_how_much_of_the_baseline_and_of_the_fresh_cases_was_not_judged() -> None:
    first, *others = RIGHT.checks
    silent = replace(RIGHT, checks=(replace(first, verdict=Verdict.UNSUPPORTED), *others))
    baseline = baseline_of(silent, BASELINE.parameters)
    reports = {
        SEED: replace(silent, planned=4 * silent.judged),
        FRESH: replace(silent, seed=FRESH, refused=2),
    }
    result = run_gate(reports.__getitem__, baseline, FRESH)

    assert result.status == 0
    assert told("text", result).splitlines()[-1] == (
        "my_kernels:conv2d: green: 7 rows hold as in the baseline, 3 more unsupported as before, "
        "on 11,300 of 45,200 (25.0 %) of its cases, and all 11,300 fresh cases, 2 of them refused, "
        "found nothing; exit status 0"
    )


def test_the_baselines_own_cases_come_first() -> None:
    seeds = []

    def verify_once(seed: int) -> Report:
        seeds.append(seed)
        return replace(RIGHT, seed=seed)

    run_gate(verify_once, BASELINE, FRESH)
    assert seeds == [SEED, FRESH]


@pytest.mark.parametrize("on_found", OnFound)
def test_what_broke_is_red_whatever_is_done_with_what_was_found(on_found: OnFound) -> None:
    result = gate(BROKEN, BROKEN, on_found)

    assert result.status == 1
    assert result.found == ()
    assert [str(change) for change in result.comparison.regressions] == [
        "grad_input in float32 on cpu: was exact, is wrong"
    ]
    assert "BROKEN: 1 regression against the baseline" in told("text", result)


@pytest.mark.parametrize(("on_found", "status"), [(OnFound.FAIL, 1), (OnFound.WARN, 0)])
def test_what_fresh_cases_show_was_found_and_fails_or_warns(on_found: OnFound, status: int) -> None:
    result = gate(RIGHT, BROKEN, on_found)

    assert result.status == status
    assert not result.comparison.regressed
    assert "1 fault that may always have been there" in told("text", result).splitlines()[0]
    assert "BROKEN" not in told("text", result)


def test_the_findings_of_what_changed_are_shown_and_no_others() -> None:
    result = gate(BROKEN, RIGHT)

    assert result.findings == (finding(),)
    assert "there before" not in told("text", result)


def test_the_check_that_is_told_comes_first_and_dtypes_share_a_line() -> None:
    worse = {"grad_input": Verdict.WRONG, "forward": Verdict.RAISED}
    checks = tuple(
        row(c.name, c.dtype, worse[c.name]) if c.name in worse else c for c in RIGHT.checks
    )
    lines = told("text", gate(replace(BROKEN, checks=checks), RIGHT)).splitlines()

    assert lines[0] == ("my_kernels:conv2d: BROKEN: 2 regressions against the baseline, in 4 rows")
    assert lines[2:6] == [
        "Broke, on the baseline's own cases:",
        "  grad_input in float32, float64 on cpu: was exact, is wrong",
        "  forward in float32, float64 on cpu: was exact, is raised",
        "",
    ]


def test_what_is_not_judged_any_more_beside_a_finding_is_no_further_regression() -> None:
    """One line that broke was counted as fourteen regressions."""
    names = [c.name for c in RIGHT.checks if c.verdict == Verdict.EXACT and c.dtype == "float32"]
    first, second, third = names[:3]
    changed = {first: Verdict.WRONG, second: Verdict.UNSUPPORTED}
    checks = tuple(
        row(c.name, c.dtype, changed[c.name]) if c.name in changed and c.dtype == "float32" else c
        for c in RIGHT.checks
        if (c.name, c.dtype) != (third, "float32")
    )
    broken = replace(BROKEN, checks=checks, findings=(finding(check=first),))
    said = told("text", gate(broken, RIGHT)).splitlines()[0]
    assert said.endswith("BROKEN: 1 regression against the baseline, in 3 rows")


def test_what_fails_as_it_did_is_told_of_many_checks_at_once() -> None:
    """There were thirty-five lines of one fault that everybody knew."""
    names = [f"check_{number}" for number in range(9)]
    failing = replace(RIGHT, checks=tuple(row(name, verdict=Verdict.RAISED) for name in names))
    baseline = baseline_of(failing, BASELINE.parameters)
    result = run_gate(lambda seed: replace(failing, seed=seed), baseline, FRESH)
    lines = told("text", result).splitlines()
    listed = f"{', '.join(names[:6])}, 3 more"
    assert f"  {listed} in float32 on cpu: raised, as they were" in lines


def test_precision_beyond_the_margin_is_red() -> None:
    checks = tuple(
        replace(c, effective_bits=c.effective_bits - 3) if c.effective_bits is not None else c
        for c in RIGHT.checks
    )
    less = replace(RIGHT, checks=checks)

    assert gate(less, RIGHT).status == 1
    assert gate(less, RIGHT, margin=3.0).status == 0


def test_a_mode_that_newly_raises_is_red() -> None:
    raising = row("vmap", "float32", Verdict.UNSUPPORTED, raises=True, reason="raises a ValueError")
    had = baseline_of(replace(RIGHT, checks=(row("vmap"),)), Parameters())
    now = replace(RIGHT, checks=(raising,))

    result = run_gate(lambda seed: replace(now, seed=seed), had, FRESH)
    assert result.comparison.regressed
    assert result.status == 1
    assert "vmap in float32 on cpu: was exact, is unsupported" in told("text", result)


def test_who_newly_answers_what_has_no_answer_is_annotated_as_an_error() -> None:
    answered = finding(check="refusals", verdict=Verdict.PERMISSIVE, index=())
    had = baseline_of(replace(RIGHT, checks=(row("refusals"),)), Parameters())
    now = replace(
        RIGHT, checks=(row("refusals", verdict=Verdict.PERMISSIVE),), findings=(answered,)
    )

    result = run_gate(lambda seed: replace(now, seed=seed), had, FRESH)
    assert result.status == 1
    assert [command.partition(" ")[0] for command in commands(result)] == ["::error"]


def test_an_interrupted_run_is_not_green_and_runs_nothing_further() -> None:
    result = run_gate({SEED: replace(RIGHT, interrupted=True)}.__getitem__, BASELINE, FRESH)

    assert result.fresh is None
    assert result.status == 1
    assert "interrupted" in told("text", result)


@pytest.mark.parametrize(("repeated", "fresh"), [(UNJUDGED, RIGHT), (RIGHT, UNJUDGED)])
def test_what_the_engine_itself_failed_on_is_not_green(repeated: Report, fresh: Report) -> None:
    result = gate(repeated, fresh)

    assert result.status == 2
    assert "the engine itself failed on 1 case" in told("text", result).splitlines()[0]
    assert str(BROKEN_CASE) in told("text", result)
    assert junit_outcomes(result)["engine"] is not None
    assert json.loads(told("json", result))["gate"]["unjudged"] == [str(BROKEN_CASE)]
    assert gate(BROKEN, fresh).status == 1


def test_the_fresh_seed_must_be_another() -> None:
    with pytest.raises(ValueError, match="the fresh seed must be another than the baseline's, 7"):
        run_gate(lambda seed: RIGHT, BASELINE, SEED)


def test_another_target_is_refused() -> None:
    with pytest.raises(BaselineError, match="another target"):
        run_gate(lambda seed: replace(RIGHT, target="other"), BASELINE, FRESH)


def changed_everywhere() -> GateResult:
    environment = RIGHT.environment | {"torch": "2.14.0"}
    return gate(
        replace(BROKEN, environment=environment),
        replace(RIGHT, checks=(row("forward", "float64", Verdict.RAISED), *BROKEN.checks)),
    )


def test_text(snapshot: SnapshotAssertion) -> None:
    assert told("text", changed_everywhere()) == snapshot


def test_markdown(snapshot: SnapshotAssertion) -> None:
    assert told("markdown", changed_everywhere()) == snapshot


@pytest.mark.parametrize("result", [gate(RIGHT, RIGHT), changed_everywhere()], ids=["green", "red"])
def test_json_keeps_to_the_published_schema(result: GateResult) -> None:
    content = json.loads(told("json", result))

    jsonschema.validate(content, report_json.schema())
    assert content["gate"]["status"] == result.status
    assert content["schema"] == 1


def test_the_red_json_names_what_broke() -> None:
    content = json.loads(told("json", changed_everywhere()))

    assert content["gate"]["broken"] == [
        {
            "kind": "verdict",
            "check": "grad_input",
            "dtype": "float32",
            "device": "cpu",
            "was": "exact",
            "is": "wrong",
        }
    ]
    assert content["gate"]["findings"][0]["check"] == "grad_input"
    assert content["gate"]["environment"] == [{"key": "torch", "was": "2.13.0", "is": "2.14.0"}]


def junit_outcomes(result: GateResult) -> dict[str, tuple[str, str] | None]:
    (suite,) = JUnitXml.fromstring(told("junit", result).encode())
    return {
        case.name: (case.result[0].type, case.result[0].message) if case.result else None
        for case in suite
    }


def test_junit_has_a_case_for_each_change() -> None:
    assert junit_outcomes(changed_everywhere()) == {
        "held": None,
        "broken-grad_input-float32-cpu": (
            "broken",
            "grad_input in float32 on cpu: was exact, is wrong",
        ),
        "found-forward-float64-cpu": (
            "found",
            "forward in float64 on cpu: was exact, is raised",
        ),
    }
    assert junit_outcomes(gate(RIGHT, RIGHT)) == {"held": None}


def test_junit_fails_on_what_was_found_only_where_the_gate_does() -> None:
    for on_found, failures in ((OnFound.FAIL, 1), (OnFound.WARN, 0)):
        (suite,) = JUnitXml.fromstring(told("junit", gate(RIGHT, BROKEN, on_found)).encode())
        assert (suite.tests, suite.failures, suite.skipped) == (2, failures, 1 - failures)


def test_annotations_are_errors_where_the_gate_is_red_and_warnings_where_it_only_warns() -> None:
    def levels(result: GateResult) -> list[str]:
        return [command.split(" ")[0] for command in commands(result)]

    assert levels(gate(RIGHT, RIGHT)) == []
    assert levels(gate(BROKEN, RIGHT, OnFound.WARN)) == ["::error"]
    assert levels(gate(RIGHT, BROKEN, OnFound.FAIL)) == ["::error"]
    assert levels(gate(RIGHT, BROKEN, OnFound.WARN)) == ["::warning"]


def test_html_tells_what_changed_above_the_table() -> None:
    page = told("html", changed_everywhere())

    assert page.index("grad_input in float32 on cpu: was exact, is wrong") < page.index("<table>")
    assert '<body class="wrong">' in page
    assert '<a href="#f1">wrong</a>' in page
    assert "there before" not in page
    assert '<body class="right">' in told("html", gate(RIGHT, RIGHT))
    assert '<body class="unchecked">' in told("html", gate(RIGHT, BROKEN, OnFound.WARN))


@pytest.mark.parametrize("form", formats())
def test_every_format_tells_of_what_broke(form: str) -> None:
    shown = told(form, changed_everywhere())

    said = ("was exact, is wrong", "1 regression against the baseline")
    assert all(words in unescape(shown) for words in said) or json.loads(shown)["gate"]["broken"]


def test_hostile_text_stays_text() -> None:
    report = hostile()
    baseline = baseline_of(replace(report, checks=()), BASELINE.parameters)
    result = run_gate(lambda seed: replace(report, seed=seed), baseline, FRESH)

    assert result.found
    assert all(c.isprintable() or c in "\n\t" for c in told("text", result))
    outside_fences = told("markdown", result).split("```")[0]
    assert "<script" not in outside_fences
    assert "@everyone" not in outside_fences
    jsonschema.validate(json.loads(told("json", result)), report_json.schema())
    assert len(junit_outcomes(result)) == 2 + len(result.found)  # "held" and "engine"
    assert "<script>alert" not in told("html", result)


def test_a_fault_that_the_baseline_has_is_neither_broken_nor_found() -> None:
    baseline = baseline_of(FAULTY, BASELINE.parameters)

    result = run_gate(lambda seed: replace(FAULTY, seed=seed), baseline, FRESH)
    assert result.status == 0
    lines = told("text", result).splitlines()
    held = "7 rows hold as in the baseline, 3 of them failing already, 2 more unsupported as before"
    assert f"green: {held}, on 9,000 of 11,300 (79.6 %) of its cases, and 9,000" in lines[0]
    assert "Failing already in the baseline:" in lines
    assert "  grad_input in float32, float64 on cpu: wrong, as it was" in lines


def test_one_fault_in_many_rows_is_one() -> None:
    names = [f"law_{number}" for number in range(86)]
    before = replace(RIGHT, checks=tuple(row(name) for name in names))
    after = replace(
        before,
        checks=tuple(row(name, "float32", Verdict.WRONG) for name in names),
        findings=(finding(check=names[0], also=tuple(names[1:])),),
    )
    baseline = baseline_of(before, BASELINE.parameters)
    result = run_gate(lambda seed: replace(after, seed=seed), baseline, FRESH)

    assert len(result.comparison.regressions) == 86
    assert "BROKEN: 1 regression against the baseline, in 86 rows" in told("text", result)


@pytest.mark.parametrize("fresh", [True, False])
def test_where_nothing_was_judged_the_gate_is_red(fresh: bool) -> None:
    nothing = replace(RIGHT, judged=0, planned=0, checks=())
    result = gate(RIGHT if fresh else nothing, nothing if fresh else RIGHT)

    assert result.status == 1
    assert "nothing was judged" in told("text", result).splitlines()[0]
