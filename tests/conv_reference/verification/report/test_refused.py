"""What is unsupported and why, and what was never put."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from made_reports import FAULTY, RIGHT, UNSUPPORTED, row

from conv_reference.verification.model.result import CheckResult, Verdict
from conv_reference.verification.report import text
from conv_reference.verification.report._refused import unsupported

BOTH = ("float32", "float64")


def test_what_several_rows_and_dtypes_were_refused_for_is_one_line() -> None:
    said: dict[str, Any] = {"unsupported": 3, "reason": "raises as it does without the transform"}
    refused = [row(name, dtype, cases=5, **said) for name in ("jvp", "vmap") for dtype in BOTH]
    refused += [row("jacrev", "float32", cases=1, **said), row("jacrev", "float64", cases=4)]
    lines = text.render(replace(RIGHT, checks=tuple(refused)))
    assert " ".join(lines.split()).count("raises as it does without the transform") == 1
    assert (
        "jvp (6 of 16 cases), vmap (6 of 16 cases), jacrev (3 of 4 cases in float32): "
        "raises as it does without the transform"
    ) in " ".join(lines.split())


def test_a_dtype_that_is_refused_as_a_whole_is_one_line_and_no_column() -> None:
    refused: dict[str, Any] = {
        "verdict": Verdict.UNSUPPORTED,
        "reason": "NotImplementedError: no bfloat16",
    }
    rows = [row(name, "float32") for name in ("forward", "grad_input", "vmap")]
    rows += [row(name, "bfloat16", **refused) for name in ("forward", "vmap")]
    # A row that has a reason of its own to be refused does not make a list of the others.
    words: dict[str, Any] = {"verdict": Verdict.UNSUPPORTED, "reason": "padding takes no words"}
    rows += [row("padding_words", dtype, **words) for dtype in ("float32", "bfloat16")]
    shown = text.render(replace(RIGHT, checks=tuple(rows)))
    assert [line.split() for line in shown.splitlines()][2:4] == [
        ["check", "float32", "cases"],
        ["all", "3", "checks", "exact", "≤2e-07"],
    ]
    assert "\n  bfloat16: NotImplementedError: no bfloat16\n" in shown
    assert "\n  padding_words: padding takes no words\n" in shown
    assert "right in float32; not checked in bfloat16" in shown


def test_a_dtype_in_which_next_to_nothing_was_answered_is_barely_tried_and_one_line() -> None:
    refused: dict[str, Any] = {"reason": "RuntimeError: Unsupported dtype Half", "cases": 0}
    rows = [row(name, "float32", cases=30) for name in ("forward", "jvp", "updated_arguments")]
    rows += [
        row(name, "float16", UNSUPPORTED, unsupported=30, **refused) for name in ("forward", "jvp")
    ]
    barely = row("updated_arguments", "float16", cases=3)
    shown = text.render(replace(RIGHT, checks=(*rows, barely)))
    assert "\n  float16 (60 of 63 cases): RuntimeError: Unsupported dtype Half\n" in shown
    assert shown.splitlines()[-1].endswith(": right in float32; barely tried in float16")
    assert "float16" in shown.splitlines()[2]  # the column of what was answered stays

    enough = text.render(replace(RIGHT, checks=(*rows, replace(barely, cases=4))))
    assert "  forward, jvp (together 60 cases in float16): " in enough
    assert "barely" not in enough


def test_where_something_is_wrong_a_dtype_that_is_barely_tried_is_not_called_right() -> None:
    said: dict[str, Any] = {"reason": "no halves", "cases": 0, "unsupported": 99}
    rows = (
        row("forward", "float32", Verdict.WRONG),
        row("forward", "float16", UNSUPPORTED, **said),
        row("repetition", "float16", cases=1),
    )
    last = text.render(replace(RIGHT, checks=rows)).splitlines()[-1]
    assert last.endswith(": wrong in float32; barely tried in float16")


def test_what_is_unsupported_in_one_dtype_names_it() -> None:
    assert "  jvp (float64): it has no jvp rule\n" in text.render(FAULTY)


def test_what_was_never_put_is_not_called_unsupported() -> None:
    shown = text.render(FAULTY)
    assert "right nor wrong:\n  jvp (float64): it has no jvp rule\n\nnot asked, for" in shown
    assert "not asked, for it cannot be:\n  vmap: it has no vmap rule\n" in shown


def test_checks_that_are_refused_alike_are_counted_together() -> None:
    refused = [
        row(name, dtype, UNSUPPORTED, geometries=0, cases=0, unsupported=4, reason="no rule")
        for name in ("jvp", "hessian_vector")
        for dtype in ("float32", "float64")
    ]
    single = row("unbatched", verdict=UNSUPPORTED, geometries=0, cases=0, unsupported=1, reason="3")
    assert unsupported(replace(RIGHT, checks=(*RIGHT.checks, *refused, single)))[-2:] == (
        ("no rule", "jvp, hessian_vector (together 16 cases)"),
        ("3", "unbatched (1 case in float32)"),
    )


def test_reasons_that_differ_in_sizes_alone_are_said_once() -> None:
    refused = [
        CheckResult(name, "float32", Verdict.UNSUPPORTED, 0, None, None, reason=reason)
        for name, reason in (
            ("vmap", "raises RuntimeError: shape '[2, 3]' is invalid (at a.py:17)"),
            ("jvp", "raises RuntimeError: shape '[1, 4, 5]' is invalid (at a.py:17)"),
            ("jacrev", "raises RuntimeError: shape '[1, 4, 5]' is invalid (at a.py:18)"),
        )
    ]
    found = unsupported(replace(RIGHT, checks=(*RIGHT.checks, *refused)))
    assert found[-2:] == (
        (refused[0].reason, "vmap, jvp (float32)"),
        (refused[2].reason, "jacrev (float32)"),
    )


def test_reasons_of_a_part_that_differ_in_sizes_alone_are_said_once() -> None:
    parts = [
        row("vmap", dtype, cases=3, unsupported=1, reason=f"raises: shape '[{size}]' is invalid")
        for dtype, size in (("float32", "2, 3"), ("float64", "4"))
    ]
    found = unsupported(replace(RIGHT, checks=(*RIGHT.checks, *parts)))
    assert found[-1] == (parts[0].reason, "vmap (2 of 8 cases)")


def test_reasons_that_differ_in_the_dtype_are_said_once_and_whole_and_part_add_up() -> None:
    said = "ValueError: a kernel of {} of torch.{} at conv.py:9 (BFloat16)"
    parts = [
        row("vmap", "float32", cases=3, unsupported=1, reason=said.format("1, 3", "float32")),
        row(
            "vmap",
            "float64",
            UNSUPPORTED,
            cases=0,
            unsupported=2,
            reason=said.format(2, "bfloat16"),
        ),
        row("jvp", "float32", cases=1, unsupported=1, reason=said.format(5, "int8")),
        row("jacfwd", "float32", cases=1, unsupported=1, reason=said.format(5, "int8")[:-12]),
    ]
    found = unsupported(replace(RIGHT, checks=(*RIGHT.checks, *parts)))
    assert found[-2:] == (
        (parts[0].reason, "vmap (3 of 6 cases), jvp (1 of 2 cases in float32)"),
        (parts[3].reason, "jacfwd (1 of 2 cases in float32)"),
    )


def test_of_many_checks_that_are_refused_in_part_the_first_are_named() -> None:
    parts = [row(f"check_{n}", cases=3, unsupported=1, reason="no groups") for n in range(9)]
    ((_, names),) = unsupported(replace(RIGHT, checks=tuple(parts)))
    assert names.endswith("check_5 (1 of 4 cases), 3 further checks (3 of 12 cases)")
    ((_, names),) = unsupported(replace(RIGHT, checks=tuple(parts[:7])))
    assert names.endswith("check_5 (1 of 4 cases), check_6 (1 of 4 cases)")


def test_of_a_dtype_that_is_barely_answered_the_reason_is_that_of_a_part() -> None:
    """None of its rows was refused as a whole: it read "no reason given", or nothing at all."""
    barely = row("forward", "float16", cases=1, unsupported=99, reason="no kernel for Half")
    found = unsupported(replace(RIGHT, checks=(*RIGHT.checks, barely)))
    assert ("no kernel for Half", "float16 (99 of 100 cases)") in found
