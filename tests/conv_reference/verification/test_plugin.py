from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from junitparser import Failure, JUnitXml, Skipped
from made_reports import BROKEN_CASE, RIGHT, finding, row

from conv_reference.verification import Report, TargetError, Verdict, plugin
from conv_reference.verification.model.notes import Note, NoteKind

pytest_plugins = ["pytester"]

SUITE = ("--pyargs", "conv_reference.verification.suite", "-p", "no:randomly")


class Engine:
    """In place of ``verify``: right in every row, but for what is changed."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.changes: dict[str, dict[str, Any]] = {}
        self.findings: tuple[Any, ...] = ()
        self.report: dict[str, Any] = {}

    def __call__(self, target: object, **options: Any) -> Report:
        self.calls.append(options | {"target": target})
        (dtype,) = (str(dtype).removeprefix("torch.") for dtype in options["dtypes"])
        return replace(
            RIGHT,
            target=str(target),
            seed=options["seed"],
            checks=tuple(row(n, dtype, **self.changes.get(n, {})) for n in options["checks"]),
            findings=self.findings,
            **self.report,
        )


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(plugin, "verify", made)
    return made


def run(
    pytester: pytest.Pytester, *options: str, dtypes: Sequence[str] = ("float32",)
) -> pytest.RunResult:
    chosen = [word for dtype in dtypes for word in ("--conv-dtype", dtype)]
    return pytester.runpytest_inprocess(*SUITE, "--conv", "mine:conv", *chosen, *options)


def only(*rows: str) -> list[str]:
    return [word for row in rows for word in ("--conv-check", row)]


def test_each_row_in_each_dtype_is_an_item(pytester: pytest.Pytester, engine: Engine) -> None:
    result = run(pytester, "--collect-only", "-q", dtypes=("float32", "float64"))

    lines = [line for line in result.outlines if "test_check[" in line]
    assert sum(line.endswith("-float32-cpu]") for line in lines) == len(lines) / 2
    assert any(line.endswith("::test_check[forward-float64-cpu]") for line in lines)
    assert engine.calls == []


def test_one_run_for_each_dtype_with_a_share_of_the_budget(
    pytester: pytest.Pytester, engine: Engine
) -> None:
    result = run(pytester, "--conv-budget", "8", "--conv-seed", "5", dtypes=("float32", "bfloat16"))

    assert result.ret == 0
    assert [call["dtypes"] for call in engine.calls] == [[torch.float32], [torch.bfloat16]]
    assert {call["budget"] for call in engine.calls} == {4.0}
    assert {call["seed"] for call in engine.calls} == {5}
    assert all(call["isolate"] for call in engine.calls)


def test_only_the_rows_that_are_selected_are_run(pytester: pytest.Pytester, engine: Engine) -> None:
    result = run(pytester, *only("grad_input", "grad_weight", "grad_bias"), "-k", "not weight")

    result.assert_outcomes(passed=2, deselected=1)
    assert engine.calls[0]["checks"] == ["grad_input", "grad_bias"]


def test_a_check_can_be_named(pytester: pytest.Pytester, engine: Engine) -> None:
    run(pytester, *only("forward")).assert_outcomes(passed=1)


def test_the_seed_is_printed_and_the_same_for_all_dtypes(
    pytester: pytest.Pytester, engine: Engine
) -> None:
    result = run(pytester, *only("forward"), dtypes=("float32", "float64"))

    (seed,) = {call["seed"] for call in engine.calls}
    result.stdout.fnmatch_lines(
        [f"conv: mine:conv in float32, float64 on cpu, --conv-seed {seed}, 20 s"]
    )


def test_a_fault_fails_with_the_findings_and_no_traceback(
    pytester: pytest.Pytester, engine: Engine
) -> None:
    engine.changes["grad_input"] = {"verdict": Verdict.WRONG}
    engine.findings = (finding(), finding(check="forward", explanation="of another row"))

    result = run(pytester, *only("grad_input", "forward"))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*test_check[[]grad_input-float32-cpu[]]*",
            "mine:conv: wrong in float32, seed *",
            "grad_input: dX equals the adjoint of the forward pass in X, bit for bit.",
            "WRONG: dX[[]0,0,1,1[]] in float32 on n1 c1 h2 w2 *",
            "    conv-reference verify my_kernels:conv2d *",
        ]
    )
    assert "of another row" not in result.stdout.str()
    assert "Traceback" not in result.stdout.str()
    assert "traceback entries" not in result.stdout.str()


def test_unsupported_is_skipped_with_its_reason(pytester: pytest.Pytester, engine: Engine) -> None:
    engine.changes["vmap"] = {"verdict": Verdict.UNSUPPORTED, "reason": "it has no vmap rule"}

    result = run(pytester, *only("vmap"), "-rs")
    result.assert_outcomes(skipped=1)
    assert "unsupported: it has no vmap rule" in result.stdout.str()


def test_who_answers_what_has_no_answer_fails_only_where_it_is_strict(
    pytester: pytest.Pytester, engine: Engine
) -> None:
    engine.changes["refusals"] = {"verdict": Verdict.PERMISSIVE}
    engine.findings = (
        finding(check="refusals", verdict=Verdict.PERMISSIVE, explanation="no stride is taken"),
    )

    result = run(pytester, *only("refusals"), "-rx")
    result.assert_outcomes(xfailed=1, passed=1)
    assert "permissive: no stride is taken" in result.stdout.str()
    assert not engine.calls[0]["strict"]

    engine.report["strict"] = True
    run(pytester, *only("refusals"), "--conv-strict").assert_outcomes(failed=1, passed=1)
    assert engine.calls[1]["strict"]


def test_a_known_defect_is_an_expected_failure(pytester: pytest.Pytester, engine: Engine) -> None:
    engine.changes["forward"] = {"verdict": Verdict.WRONG, "known": True}
    engine.findings = (finding(check="forward", known="torch-1"),)

    result = run(pytester, *only("forward"), "-rx")
    result.assert_outcomes(xfailed=1)
    assert "known defect: torch-1" in result.stdout.str()


def test_a_row_that_the_engine_itself_failed_on_fails_and_no_other(
    pytester: pytest.Pytester, engine: Engine
) -> None:
    engine.report = {"unjudged": (BROKEN_CASE,)}

    result = run(pytester, *only("vmap", "forward"))
    result.assert_outcomes(failed=1, passed=1)
    assert "the engine itself failed on 1 case; please report it" in result.stdout.str()


def test_what_the_budget_did_not_reach_is_skipped_and_said(
    pytester: pytest.Pytester, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = Note(NoteKind.NOT_REACHED, "not reached, for the clock cut the run: 11,290 cases of it")
    cut = replace(RIGHT, checks=(), judged=10, notes=(note,))
    monkeypatch.setattr(plugin, "verify", lambda *_, **__: cut)

    result = run(pytester, *only("forward"), "-rs")
    result.assert_outcomes(skipped=1)
    assert "not reached within the budget" in result.stdout.str()
    assert "float32: not reached, for the clock cut the run: " in result.stdout.str()


def test_a_skip_file_skips_with_its_reason_and_spares_the_work(
    pytester: pytest.Pytester, engine: Engine
) -> None:
    pytester.path.joinpath("skips.txt").write_text(
        "# of the vmap rule\n\nvmap*  # it has no rule\n"
    )

    result = run(pytester, "--conv-skips", "skips.txt", *only("vmap", "forward"), "-rs")
    assert result.parseoutcomes()["passed"] == 1
    assert result.parseoutcomes()["skipped"] >= 1
    assert "it has no rule" in result.stdout.str()
    assert engine.calls[0]["checks"] == ["forward"]


def test_an_xfail_file_expects_the_failure(pytester: pytest.Pytester, engine: Engine) -> None:
    engine.changes["forward"] = {"verdict": Verdict.WRONG}
    engine.findings = (finding(check="forward"),)
    pytester.path.joinpath("xfails.txt").write_text(
        "conv_reference/verification/suite.py::test_check[forward-float32-cpu]  # issue 12\n"
    )

    result = run(pytester, "--conv-xfails", "xfails.txt", *only("forward"), "-rx")
    result.assert_outcomes(xfailed=1)
    assert "issue 12" in result.stdout.str()


def test_an_unexpected_pass_fails(pytester: pytest.Pytester, engine: Engine) -> None:
    pytester.path.joinpath("xfails.txt").write_text("forward-*  # issue 12\n")

    result = run(pytester, "--conv-xfails", "xfails.txt", *only("forward"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["[[]XPASS(strict)[]] issue 12"])


def test_an_entry_that_matches_nothing_is_warned_about(
    pytester: pytest.Pytester, engine: Engine
) -> None:
    pytester.path.joinpath("skips.txt").write_text("forward-*\nforward-float16-*\nforwrad-*\n")

    result = run(pytester, "--conv-skips", "skips.txt", *only("shapes"))
    assert "--conv-skips: 'forwrad-*' matches no check" in result.stdout.str()
    assert "'forward-float16-*' matches no check" not in result.stdout.str()
    assert "'forward-*' matches no check" not in result.stdout.str()


def test_junit_xml_is_read_by_its_readers(pytester: pytest.Pytester, engine: Engine) -> None:
    engine.changes["forward"] = {"verdict": Verdict.WRONG}
    engine.changes["vmap"] = {"verdict": Verdict.UNSUPPORTED, "reason": "no rule"}
    engine.findings = (finding(check="forward"),)
    run(pytester, "--junitxml", "junit.xml", *only("forward", "vmap", "shapes"))

    (suite,) = JUnitXml.fromfile(str(pytester.path / "junit.xml"))
    outcomes = {case.name: case.result for case in suite}
    assert [type(r) for r in outcomes["test_check[forward-float32-cpu]"]] == [Failure]
    assert [type(r) for r in outcomes["test_check[vmap-float32-cpu]"]] == [Skipped]
    assert outcomes["test_check[shapes-float32-cpu]"] == []


def test_a_test_has_a_name_wherever_pytest_runs(pytester: pytest.Pytester, engine: Engine) -> None:
    result = run(pytester, "-rA", "--junitxml=conv.xml")
    file = "conv_reference/verification/suite.py"
    result.stdout.fnmatch_lines([f"* {file}::test_check[[]forward-float32-cpu[]]"])
    written = pytester.path.joinpath("conv.xml").read_text()
    assert 'classname="conv_reference.verification.suite"' in written
    assert 'classname=""' not in written


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--conv-dtype", "int8"], "argument --conv-dtype: invalid choice: 'int8'"),
        (["--conv-check", "nothing"], "no check 'nothing'"),
        (["--conv-skips", "nowhere.txt"], "nowhere.txt"),
        (["--conv-seed", "-1"], "--conv-seed must be at least 0, got -1"),
    ],
)
def test_a_bad_option_is_one_line_and_a_usage_error(
    options: list[str], message: str, pytester: pytest.Pytester, engine: Engine
) -> None:
    result = run(pytester, *options)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()
    assert "Traceback" not in result.stderr.str()


def test_a_target_that_cannot_be_imported_ends_the_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Report:
        raise TargetError("cannot import 'mine':\nno such module")

    monkeypatch.setattr(plugin, "verify", refuse)
    result = run(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "cannot import 'mine': no such module" in result.stdout.str()


def test_the_suite_without_a_target_says_what_it_needs(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess(*SUITE)

    assert result.ret != 0
    assert "conv_reference.verification.suite needs --conv TARGET" in result.stdout.str()


def test_the_fixtures_take_their_defaults_from_the_command_line(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import pytest
        import torch

        GEOMETRY = "n1 c1 h2 w2 o1 k1x2 s1 p0 d1 g1"
        CHOICE = {"dtypes": [torch.float32], "geometry": GEOMETRY, "checks": ["certificate"]}

        def test_report(conv_verify):
            report = conv_verify(torch.nn.functional.conv2d, **CHOICE)
            assert (report.verdict, report.seed) == ("exact", 41)

        def test_right(assert_correct_conv):
            assert_correct_conv(torch.nn.functional.conv2d, **CHOICE)

        def test_wrong(assert_correct_conv):
            def flipped(input, weight):
                return torch.nn.functional.conv2d(input, weight.flip(2, 3))

            with pytest.raises(AssertionError, match="flipped"):
                assert_correct_conv(flipped, **CHOICE)
        """
    )
    pytester.runpytest_inprocess("--conv-seed", "41").assert_outcomes(passed=3)


def test_the_plugin_loads_no_torch_and_nothing_of_the_packages() -> None:
    program = (
        "import sys, _conv_reference_pytestplugin; "
        "print([n for n in sys.modules if n.split('.')[0] in ('torch', 'conv_reference')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_run_without_a_target_never_imports_the_packages(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_untouched(request):
            assert request.config.pluginmanager.has_plugin("conv_reference")
            assert "torch" not in sys.modules
            assert "conv_reference" not in sys.modules
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:jaxtyping")
    result.assert_outcomes(passed=1)


KERNELS = """\
from torch.nn.functional import conv2d


def convolve(input, weight, bias=None, stride=(1, 1)):
    return conv2d(input, weight, bias, stride=stride[::-1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("place", [(), ("--conv-in-process",)], ids=["children", "in process"])
def test_a_real_fault_is_found_by_a_real_run_of_two_workers(
    pytester: pytest.Pytester, place: tuple[str, ...]
) -> None:
    pytester.path.joinpath("kernels.py").write_text(KERNELS)
    command = ("--conv", "kernels.py:convolve", "--conv-dtype", "float32", "--conv-budget", "0.1")
    chosen = only("forward", "shapes", "arguments")

    result = pytester.runpytest_subprocess(*SUITE, *command, *place, *chosen, "-n", "2")
    text = result.stdout.str()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "kernels.py:convolve: wrong in float32, seed" in text
    assert "conv-reference verify kernels.py:convolve --case" in text
    assert result.parseoutcomes()["passed"] >= 1
