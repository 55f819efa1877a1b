"""The checks as pytest items: which there are, one run for each dtype, and how an item ends.

Loaded only where ``--conv`` names a target; the options are in ``_conv_reference_pytestplugin``.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conv_reference.verification import options
from conv_reference.verification.checks import Row, Sample, all_checks
from conv_reference.verification.model.case import DTYPES, dtype_named
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.result import Report, Verdict
from conv_reference.verification.once_per_run import shared_report
from conv_reference.verification.reading.catalogue import of_families
from conv_reference.verification.reading.patterns import Pattern, identifier, read_patterns
from conv_reference.verification.report.groups import rows_of
from conv_reference.verification.report.plain import failed_on, one_line
from conv_reference.verification.report.summary import remarks
from conv_reference.verification.report.table import is_right
from conv_reference.verification.report.text import render_findings
from conv_reference.verification.runner import verify

NAME = "conv-reference-suite"
PARAMETER = "conv_item"
_NODE = "conv_reference/verification/suite.py"


@dataclass(frozen=True)
class Item:
    """One row of the checks in one dtype on one device."""

    row: Row
    dtype: str
    device: str

    @property
    def id(self) -> str:
        """What pytest shows in brackets."""
        return identifier(self.row.name, self.dtype, self.device)


class Suite:
    """One target under pytest: its items, and one run for each dtype, made when first needed."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.target: str = config.getoption("--conv")
        self.device: str = _value(config, options.DEVICE)
        self.dtypes: tuple[str, ...] = tuple(_value(config, options.DTYPE))
        self.checks: Sequence[str] = of_families(_value(config, options.CHECK))
        self.cases: int | None = _value(config, options.CASES)
        self.budget: float | None = _value(config, options.BUDGET)
        if self.budget is None and self.cases is None:
            self.budget = options.DEFAULT_BUDGET
        self.seed: int = _seed(config)
        self._skips = _patterns(config.getoption("--conv-skips"))
        self._xfails = _patterns(config.getoption("--conv-xfails"))
        self._reports: dict[str, Report] = {}

    def items(self) -> Iterator[Item]:
        """Every item there is, in the order of the checks."""
        wanted = {*self.checks}
        for check in all_checks().values():
            for row in check.rows:
                named = check.name in wanted or row.name in wanted
                if named or (not wanted and check.sample != Sample.REQUEST):
                    for dtype in self.dtypes:
                        yield Item(row, dtype, self.device)

    def unmatched(self) -> Iterator[str]:
        """The patterns that mean no check in any dtype, worded as warnings."""
        known = [
            Item(row, dtype, self.device).id
            for check in all_checks().values()
            for row in check.rows
            for dtype in DTYPES
        ]
        for option, patterns in (("skips", self._skips), ("xfails", self._xfails)):
            for pattern in patterns:
                if not any(map(pattern.matches, known)):
                    yield f"--conv-{option}: {pattern.text!r} matches no check"

    def pytest_report_header(self) -> str:
        """What is verified, and how to repeat it."""
        dtypes = ", ".join(self.dtypes)
        return (
            f"conv: {one_line(self.target)} in {dtypes} on {self.device}, "
            f"--conv-seed {self.seed}, {' and '.join(self._sizes())}"
        )

    def _sizes(self) -> Iterator[str]:
        if self.cases is not None:
            yield f"{self.cases:,} cases"
        if self.budget is not None:
            yield f"{self.budget:g} s"

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Every worker of pytest-xdist takes the same seed."""
        node.workerinput["conv_seed"] = self.seed

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(
        self, module_path: Path, parent: pytest.Collector
    ) -> pytest.Module | None:
        """Name the suite's tests: pytest leaves what lies outside its root without a name."""
        if module_path != Path(__file__).with_name("suite.py"):
            return None
        made: pytest.Module = pytest.Module.from_parent(parent, path=module_path, nodeid=_NODE)
        return made

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Mark what the skip and xfail files name."""
        for test in items:
            item = _item(test)
            if item is None:
                continue
            for pattern in self._skips:
                if pattern.matches(item.id):
                    test.add_marker(pytest.mark.skip(reason=pattern.reason))
            for pattern in self._xfails:
                if pattern.matches(item.id):
                    test.add_marker(pytest.mark.xfail(reason=pattern.reason, strict=True))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """What no item shows: cases that were not reached, known defects that are gone."""
        lines = [
            f"{dtype}: {remark}"
            for dtype, report in self._reports.items()
            for remark in remarks(report)
            if report.was_cut or report.stale
        ]
        if lines:
            terminalreporter.section("conv-reference", sep="-")
            for line in lines:
                terminalreporter.write_line(line)

    def report(self, session: pytest.Session, dtype: str) -> Report:
        """The run of one dtype, for all rows that are selected; made once."""
        if dtype not in self._reports:
            rows = [
                item.row.name
                for test in session.items
                if (item := _item(test)) is not None
                and item.dtype == dtype
                and test.get_closest_marker("skip") is None
            ]
            self._reports[dtype] = shared_report(
                self._config, f"{dtype}-{self.device}", lambda: self._verify(dtype, rows)
            )
        report = self._reports[dtype]
        if report.interrupted:
            raise KeyboardInterrupt
        return report

    def _verify(self, dtype: str, rows: Sequence[str]) -> Report:
        isolate = not self._config.getoption("--conv-in-process")
        try:
            return verify(
                self.target if isolate else _loaded(self.target),
                dtypes=[dtype_named(dtype)],
                device=self.device,
                seed=self.seed,
                budget=None if self.budget is None else self.budget / len(self.dtypes),
                cases=None if self.cases is None else max(1, self.cases // len(self.dtypes)),
                checks=rows,
                strict=self._config.getoption("--conv-strict"),
                isolate=isolate,
                workers=1 if isolate and hasattr(self._config, "workerinput") else None,
            )
        except TargetError as error:
            pytest.exit(f"--conv: {one_line(str(error))}", returncode=pytest.ExitCode.USAGE_ERROR)

    def judge(self, session: pytest.Session, item: Item) -> None:
        """End the running test as its row ended; return where it is right."""
        report = self.report(session, item.dtype)
        _require_judged(item, report)
        results = [c for c in report.checks if c.name == item.row.name]
        result = next((c for c in results if c.dtype in {item.dtype, "-"}), None)
        if result is None:
            cut = report.was_cut
            pytest.skip("not reached within the budget" if cut else f"not asked in {item.dtype}")
        if result.verdict == Verdict.UNSUPPORTED:
            pytest.skip(f"unsupported: {one_line(result.reason) or 'no reason given'}")
        findings = [f for f in report.findings if result.name in rows_of(f)]
        if result.verdict == Verdict.PERMISSIVE and is_right(result, report):
            said = "; ".join(one_line(f.explanation) for f in findings)
            pytest.xfail(f"permissive: {said}")
        if is_right(result, report) and not result.known:
            return
        if result.known:
            names = ", ".join(dict.fromkeys(f.known for f in findings if f.known))
            pytest.xfail(f"known defect: {one_line(names)}")
        shown = render_findings(f for f in findings if f.known is None)
        pytest.fail(
            f"{one_line(report.target)}: {result.verdict} in {result.dtype}, seed {report.seed}\n"
            f"{item.row.name}: {item.row.asserts}\n{item.row.why}\n\n{shown}",
            pytrace=False,
        )


def register(config: pytest.Config) -> None:
    """Make the suite known to a pytest run.

    Raises:
        pytest.UsageError: when an option is no good; one line.
    """
    try:
        suite = Suite(config)
    except (ValueError, OSError) as error:
        raise pytest.UsageError(f"--conv: {one_line(str(error))}") from None
    config.pluginmanager.register(suite, NAME)
    if not hasattr(config, "workerinput"):
        for warning in suite.unmatched():
            config.issue_config_time_warning(pytest.PytestConfigWarning(warning), stacklevel=2)


def suite_of(config: pytest.Config) -> Suite:
    """The suite of this run.

    Raises:
        pytest.UsageError: when no target was named.
    """
    suite = config.pluginmanager.get_plugin(NAME)
    if suite is None:
        raise pytest.UsageError("conv_reference.verification.suite needs --conv TARGET")
    assert isinstance(suite, Suite)
    return suite


def _item(test: pytest.Item) -> Item | None:
    callspec = getattr(test, "callspec", None)
    found = None if callspec is None else callspec.params.get(PARAMETER)
    return found if isinstance(found, Item) else None


_AUDIT = "the audit"  # a row of its own


def _require_judged(item: Item, report: Report) -> None:
    """Fail where the engine itself did: on a case of the row's check, or on all together."""
    check = next(name for name, check in all_checks().items() if item.row in check.rows)
    names = {check, f"the {item.row.name}"}
    unjudged = [
        each
        for each in report.unjudged
        if each.check in names or (not each.case and each.check != _AUDIT)
    ]
    if unjudged:
        cases = failed_on(unjudged)
        pytest.fail(
            f"the engine itself failed on {cases}; please report it\n{one_line(str(unjudged[0]))}",
            pytrace=False,
        )


def _value(config: pytest.Config, option: options.Option) -> Any:
    """What is given for an option, if it is in its range; or its default."""
    flag = f"--conv-{option.plugin}"
    given = config.getoption(flag)
    option.require(given, flag)
    return option.default if given is None else given


def _seed(config: pytest.Config) -> int:
    handed: int | None = getattr(config, "workerinput", {}).get("conv_seed")
    given: int | None = _value(config, options.SEED)
    if handed is not None:
        return handed
    return secrets.randbits(32) if given is None else given


def _patterns(path: str | None) -> tuple[Pattern, ...]:
    return () if path is None else read_patterns(Path(path))


def _loaded(name: str) -> Any:
    from conv_reference.verification.target.loading import load_target  # noqa: PLC0415 (torch, only when a target is loaded)

    return load_target(name)


__all__ = ["Item", "Pattern", "Suite", "read_patterns", "register", "suite_of"]
