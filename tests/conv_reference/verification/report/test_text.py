from __future__ import annotations

from dataclasses import replace

import pytest
from made_reports import (
    BROKEN_CASE,
    FAULTY,
    RIGHT,
    UNJUDGED,
    UNSUPPORTED,
    finding,
    hostile,
    of_size,
    row,
)
from syrupy.assertion import SnapshotAssertion

from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.model.result import (
    AS_FOUND,
    Coverage,
    Report,
    Verdict,
)
from conv_reference.verification.report import text
from conv_reference.verification.report.printed import PrintedReport
from conv_reference.verification.report.view import View


@pytest.mark.parametrize("report", [RIGHT, FAULTY], ids=["right", "faulty"])
def test_printed(report: Report, snapshot: SnapshotAssertion) -> None:
    assert text.render(report) == snapshot


def test_each_thing_that_is_observed_has_a_line() -> None:
    notes = (Note(NoteKind.OBSERVED, "the sign is lost"), Note(NoteKind.OBSERVED, "a NaN spreads"))
    lines = text.render(replace(RIGHT, notes=notes)).splitlines()
    first = lines.index("Observed, and neither right nor wrong: the sign is lost.")
    assert lines[first + 1] == "Observed: a NaN spreads."


def test_a_report_is_printed_as_the_command_prints_it() -> None:
    printed = PrintedReport(**vars(FAULTY))
    assert f"{printed}\n" == text.render(FAULTY)
    assert repr(printed) == f"<Report of {text.render(FAULTY).splitlines()[0]}>"


def test_the_last_line_says_what_was_not_judged() -> None:
    checks = tuple(replace(c, raises=c.verdict == Verdict.UNSUPPORTED) for c in RIGHT.checks)
    cut = replace(RIGHT, checks=checks, planned=20_000, refused=300, unjudged=UNJUDGED.unjudged[:1])
    last = text.render(cut, View(status=2)).splitlines()[-1]

    assert ", on 11,000 cases of 20,000 planned, with 300 more unsupported" in last
    assert "; raises in 1 check: not judged there; the engine itself failed on 1 more" in last
    assert last.endswith("; exit status 2")


def test_a_notebook_shows_the_page_in_a_frame() -> None:
    shown = PrintedReport(**vars(hostile()))._repr_html_()
    assert shown.startswith('<iframe sandbox="allow-scripts"')
    assert "<script" not in shown  # it is escaped, for it is the value of an attribute


def test_rows_that_are_exact_everywhere_are_one_line_unless_all_are_asked_for() -> None:
    folded = text.render(RIGHT).splitlines()
    assert [line for line in folded if line.startswith("  other 3 checks")]
    assert not [line for line in folded if line.startswith("  forward")]
    whole = text.render(RIGHT, View(verbose=True)).splitlines()
    assert [line for line in whole if line.startswith("  forward")]


def test_the_folded_line_has_the_weakest_bound_of_its_rows() -> None:
    rows = (row("forward", miss_bound=0.25), row("grad_input", miss_bound=0.5), row("shapes"))
    shown = text.render(replace(RIGHT, checks=rows))
    assert "  all 3 checks  exact ≤5e-01" in shown


def test_what_shows_elsewhere_keeps_to_the_width_of_the_page() -> None:
    seen = "raised RuntimeError: " + "no such primitive, " * 12
    other = finding(
        fault=1, geometry="n1 c1 h9 w9 o1 k1 s1 p0 d1 g1", check="jvp", explanation=seen
    )
    shown = text.render_findings([finding(fault=1), other])
    (first,) = [n for n, line in enumerate(shown.splitlines()) if "likewise in" in line]
    assert max(map(len, shown.splitlines()[first : first + 4])) <= text.WIDTH
    assert " ".join(shown.split()).count("no such primitive,") == 12


def test_the_verdict_comes_last_too_by_dtype_where_they_differ_and_with_the_status() -> None:
    assert text.render(RIGHT).splitlines()[-1] == (
        "my_kernels:conv2d: right, bit for bit over integers, in float32, float64, on 11,300 cases"
    )
    mixed = replace(RIGHT, checks=(row("forward"), row("forward", "float16", Verdict.WRONG)))
    assert text.render(mixed, View(status=1)).splitlines()[-1] == (
        "my_kernels:conv2d: wrong, on 11,300 cases: right in float32; wrong in float16; "
        "exit status 1"
    )


def test_what_raises_under_a_transform_now_and_then_is_judged_where_it_answers() -> None:
    some = row("vmap", raises=True, unsupported=3, raising=2, cases=38)
    none = row("jvp", verdict=UNSUPPORTED, raises=True, unsupported=12, raising=12, cases=0)
    first = text.render(replace(RIGHT, checks=(row("forward"), some, none))).splitlines()[0]
    assert first.endswith("; raises under vmap (2 of 41 cases), jvp: not judged there")
    beside = row("vmap", verdict=Verdict.WRONG, raises=True, cases=1)
    first = text.render(replace(RIGHT, checks=(row("forward"), beside))).splitlines()[0]
    assert first.endswith("; raises under vmap (in part): not judged there")


def test_nothing_wrong_is_short_and_says_so_first() -> None:
    lines = text.render(RIGHT).splitlines()

    assert lines[0] == "my_kernels:conv2d: right, bit for bit over integers, on 11,300 cases"
    assert len(lines) < 25


@pytest.mark.parametrize("report", [RIGHT, FAULTY, hostile()], ids=["right", "faulty", "hostile"])
def test_the_table_and_the_remarks_fit_in_100_columns(report: Report) -> None:
    shown = text.render(replace(report, findings=(), target="t", notes=(), stale=()))
    lines = [line for line in shown.splitlines() if "alert" not in line]

    assert max(map(len, lines)) <= 100


def test_eight_dtypes_make_two_tables() -> None:
    checks = tuple(row("forward", f"float{i}", Verdict.WRONG, known=True) for i in range(8))
    shown = text.render(replace(RIGHT, checks=checks))

    headers = [line.split() for line in shown.splitlines() if line.startswith("  check")]
    assert headers == [
        ["check", "float0", "float1", "float2", "float3", "cases"],
        ["check", "float4", "float5", "float6", "float7", "cases"],
    ]
    assert max(map(len, shown.splitlines())) <= 100


def test_the_miss_bound_comes_with_its_assumption() -> None:
    shown = " ".join(text.render(RIGHT).split())

    assert "exact ≤2e-07" in shown
    assert "if what is computed is linear in each operand (input, kernel, upstream" in shown


def test_what_a_row_was_refused_in_part_is_listed() -> None:
    part = row("forward", cases=63, unsupported=31, reason="NotImplementedError: groups > 1")
    lines = text.render(replace(RIGHT, checks=(part,))).splitlines()

    assert lines[0].endswith("on 11,300 cases, some of them unsupported in part")
    assert "  forward (31 of 94 cases): NotImplementedError: groups > 1" in lines
    assert "       63" in lines[3]
    raising = replace(part, reason=AS_FOUND)
    assert text.render(replace(RIGHT, checks=(raising,))).splitlines()[0].endswith("11,300 cases")


def test_no_bound_no_assumption() -> None:
    assert "multilinear" not in text.render(replace(RIGHT, checks=(row("shapes"),)))


def test_effective_bits_stand_beside_the_expected_ones() -> None:
    shown = text.render(FAULTY)

    assert "rounded 16.4/24*" in shown
    assert "*: farther off than plain sums of products may be" in shown


def test_one_cause_in_two_dtypes_is_one_finding() -> None:
    shown = text.render(FAULTY)

    assert shown.count("\n1. WRONG: ") == shown.count("WRONG: ") == 1
    assert "and likewise in float64\n" in shown
    assert "and likewise in float32 on n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1, X=sliced\n" in shown
    assert "seen in at least 1,602 cases, by grad_input, adjointness" in shown


def test_different_causes_are_different_findings() -> None:
    other = finding(cause="Perhaps swapped axes.", geometry="n1 c1 h1 w1 o1 k1", explanation="?")
    shown = text.render(replace(FAULTY, findings=(finding(), other)))

    assert "\n1. WRONG: " in shown
    assert "\n2. WRONG: " in shown
    assert "wrong (2 findings)" in shown.splitlines()[0]


def test_a_known_defect_is_not_grouped_with_an_unknown_fault_and_comes_last() -> None:
    shown = text.render(replace(FAULTY, findings=(finding(known="D"), finding())))

    assert shown.index("WRONG: dX[0,0,1,1]") < shown.index("KNOWN, wrong: dX[0,0,1,1]")
    assert "a known defect: D\n" in shown


def test_known_defects_alone_are_right_but_for_them() -> None:
    known = row("nonfinite", "float32", Verdict.RAISED, known=True)
    report = replace(RIGHT, checks=(row("shapes"), known), findings=(finding(known="D"),))

    assert text.render(report).splitlines()[0] == (
        "my_kernels:conv2d: right, bit for bit, on 11,300 cases, but for 1 known defect"
    )


def test_a_rounded_answer_fails_where_exact_was_required() -> None:
    rounded = row("forward", "float32", Verdict.ROUNDED, effective_bits=20.0)
    report = replace(RIGHT, checks=(rounded,), require=Verdict.EXACT)

    assert "not exact, which was required, on 11,300 cases" in text.render(report).splitlines()[0]


def test_nothing_checked_is_not_right() -> None:
    report = replace(RIGHT, checks=tuple(c for c in RIGHT.checks if c.name == "vmap"))

    shown = text.render(report)
    assert shown.startswith("my_kernels:conv2d: nothing was checked\n")
    assert "  vmap: it has no vmap rule\n" in shown


def test_a_green_without_gradients_says_so_first_and_last() -> None:
    refused = [
        row(n, verdict=UNSUPPORTED, reason="no backward") for n in ("grad_input", "grad_weight")
    ]
    lines = text.render(replace(RIGHT, checks=(row("forward"), *refused))).splitlines()
    words = "; not judged, for it refuses them: dX, dK"
    assert lines[0].endswith(words)
    assert lines[-1].endswith(f"right, bit for bit, in float32, on 11,300 cases{words}")
    one = (row("forward"), refused[0], row("grad_input", "float64"), row("grad_weight"))
    assert "for it refuses them" not in text.render(replace(RIGHT, checks=one))


def test_it_is_said_what_became_of_each_case() -> None:
    """Those that have a verdict, were refused, or left nothing to check are those put to it."""
    report = replace(RIGHT, refused=310, unpromised=40, raising=10, silent=990, partly=7)
    said = " ".join(text.render(report).split())
    assert "on 10,000 cases, with 310 more unsupported" in said
    assert (
        "Of 11,300 cases put to it 10,000 have a verdict, 310 are unsupported (40 ask for an "
        "optional feature, 10 raise, as reported above) and 990 left their checks nothing to "
        "compare; of those with a verdict 7 parts are unsupported."
    ) in said
    alone = " ".join(text.render(replace(RIGHT, refused=300)).split())
    assert "Of 11,300 cases put to it 11,000 have a verdict and 300 are unsupported." in alone
    slow = replace(RIGHT, refused=12, spared=9)
    said = " ".join(text.render(slow).split())
    assert "on 11,288 cases, with 12 more unsupported, 9 of them too large for its pace" in said
    assert "12 are unsupported (9 too large for its pace)." in said
    optional = " ".join(text.render(replace(RIGHT, refused=12, unpromised=3, spared=9)).split())
    assert "on 11,288 cases, with 9 more too large for its pace" in optional
    assert "more unsupported" not in optional
    one = replace(RIGHT, planned=4, judged=4, refused=2, unpromised=1, raising=1, silent=1)
    assert (
        "Of 4 cases put to it 1 has a verdict, 2 are unsupported (1 asks for an optional "
        "feature, 1 raises, as reported above) and 1 left its check nothing to compare."
    ) in " ".join(text.render(one).split())
    assert "put to it" not in text.render(RIGHT)


def test_a_dtype_is_right_beside_one_that_fails_where_the_same_was_asked_in_it() -> None:
    """Of a case that one dtype had alone nothing is known in the others."""
    raised = row("empty_batch", "float32", Verdict.RAISED)
    checks = (row("forward"), row("forward", "float64"), row("forward", "float16"), raised)
    (last,) = text.render(replace(RIGHT, checks=checks)).splitlines()[-1:]
    assert last.endswith(": raised in float32; what fails there was not judged in float64, float16")
    asked = replace(RIGHT, checks=(*checks, row("empty_batch", "float64")))
    (last,) = text.render(asked).splitlines()[-1:]
    assert last.endswith(
        ": right in float64; raised in float32; what fails there was not judged in float16"
    )
    # One fault in two rows is looked for where either was put.
    fault = finding(check="forward", also=("empty_batch",), follows=False)
    both = (row("forward", "float64"), row("forward", "float32", Verdict.WRONG), raised)
    (last,) = text.render(replace(RIGHT, checks=both, findings=(fault,))).splitlines()[-1:]
    assert last.endswith(": right in float64; wrong in float32")


def test_a_dtype_in_which_one_of_two_faults_was_judged_is_not_without_any() -> None:
    failing = (row("forward", "float32", Verdict.WRONG), row("vmap", "float32", Verdict.WRONG))
    refused = row("forward", "bfloat16", Verdict.UNSUPPORTED)
    for more, said in (
        ((), "what fails there was not judged in bfloat16"),
        ((row("autocast", "bfloat16"),), "what fails there was not judged in bfloat16"),
        ((row("vmap", "bfloat16"),), "not all that fails there was judged in bfloat16"),
    ):
        checks = (*failing, row("transposed", "bfloat16"), refused, *more)
        (last,) = text.render(replace(RIGHT, checks=checks)).splitlines()[-1:]
        assert last.endswith(f"wrong in float32; {said}")


def test_bits_beyond_those_of_the_dtype_are_no_number_of_their_own() -> None:
    bits = {"effective_bits": 23.0, "expected_bits": 8.0, "bound": "normwise"}
    shown = text.render(
        replace(RIGHT, checks=(row("forward", "bfloat16", Verdict.ROUNDED, **bits),))
    )
    assert "rounded >8/8*" in shown
    assert "may be smaller than the dtype's own (>)" in shown


def test_an_interrupt_is_said() -> None:
    shown = text.render(replace(FAULTY, interrupted=True))

    assert "(interrupted: this is what is known so far)" in shown.splitlines()[0]


def test_what_the_engine_itself_failed_on_is_no_pass() -> None:
    shown = text.render(UNJUDGED)

    assert not UNJUDGED.passed
    assert shown.splitlines()[0].endswith("; the engine itself failed on 1 more case")
    assert "Not judged, for the engine itself failed; please report it: vmap float32" in shown
    assert "WRONG" not in shown


def test_where_the_engine_failed_on_nearly_all_nothing_is_called_right() -> None:
    failed_on = tuple(replace(BROKEN_CASE, case=f"vmap float32 h1 w{w} k1") for w in range(1, 9))
    report = replace(RIGHT, planned=10, judged=2, unjudged=failed_on)
    said = "barely tried: nothing wrong, but under 25% of the plan was judged, on 2 cases"
    assert f"{said}; the engine itself failed on 8 more cases" in text.render(report)


def test_where_nothing_was_checked_the_engine_failed_on_no_more_cases_than_that() -> None:
    shown = text.render(replace(UNJUDGED, checks=(), judged=0)).splitlines()

    assert shown[0].endswith(": nothing was checked; the engine itself failed on 1 case")
    assert "nothing was checked; the engine itself failed on 1 case" in shown[-1]


def test_where_nothing_was_checked_nothing_is_said_to_be_covered() -> None:
    covered = replace(RIGHT, coverage=Coverage(9, 9, 4, 9))
    nothing = replace(covered, checks=(row("jvp", verdict=Verdict.UNSUPPORTED, reason="none"),))
    shown = " ".join(text.render(covered).split())
    assert "that can occur together: of two at a time all 9 are in the cases drawn" in shown
    assert "Combinations of" not in text.render(nothing)


def test_a_stale_defect_is_named() -> None:
    assert "The known defect large-batch-2023 should have shown" in text.render(FAULTY)


def test_control_characters_do_not_reach_the_terminal() -> None:
    shown = text.render(hostile())

    assert all(character.isprintable() or character in "\n\t" for character in shown)
    shown.encode()  # no lone surrogates
    assert r"\x1b[31m\x00" in shown


def test_thousands_of_findings_are_cut_and_counted() -> None:
    shown = text.render(of_size(5_000))

    assert "wrong (5,000 findings)" in shown
    assert "… and 4,980 further findings; the formats json and html show them all." in shown
    assert len(shown.splitlines()) < 800


def test_findings_alone() -> None:
    shown = text.render_findings([finding()])

    assert shown.startswith("WRONG: dX[0,0,1,1] in float32 on n1 c1 h2 w2")
    assert "conv-reference verify my_kernels:conv2d" in shown
