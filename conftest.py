"""Hypothesis profiles and the examples in Markdown, for our own tests."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jaxtyping
import pytest
from hypothesis import settings
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

# Before torch is imported: threads that spin while they wait take the processor from the other
# workers of pytest-xdist, and the tests take three times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# A slow machine is no fault of the code: no deadline anywhere.
settings.register_profile("default", deadline=None, max_examples=100)
settings.register_profile(
    "ci", parent=settings.get_profile("default"), max_examples=30, print_blob=True
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# To copy, or standalone: they import what is not installed here, or show a crash.
collect_ignore_glob = ["docs/ci/*.py", "docs/found/*.py", "docs/conf.py"]
collect_ignore_glob += ["conv_reference/adapters/[!_]*.py"]  # of frameworks that are not here

_DIAGNOSIS = "tests/conv_reference/verification/diagnosis"

# Modules with a fixture that takes long: one worker prepares it, and has all the tests that use it.
_PREPARED = {
    "tests/analytic/locale/test_locale.py": "locale",
    "tests/analytic/render/test_html.py": "pages",
    "tests/analytic/render/test_html_in_browser.py": "derivation",
    "tests/analytic/render/test_json.py": "printouts",
    "tests/analytic/theorem/test_general.py": "theorem",
    "tests/conv_reference/chapter/test_page.py": "chapter",
    "tests/conv_reference/chapter/test_page_in_browser.py": "chapter",
    "tests/conv_reference/chapter/test_parts.py": "chapter",
    "tests/conv_reference/verification/audit/test_audit.py": "audit",
    f"{_DIAGNOSIS}/failing_cases/test_circumstances.py": "small cases",
    f"{_DIAGNOSIS}/grouping/test_origins.py": "origins",
    f"{_DIAGNOSIS}/explaining/test_snippet.py": "snippets",
    "tests/conv_reference/verification/plan/test_bulk.py": "small cases",
    "tests/conv_reference/verification/plan/test_covering.py": "covering",
    "tests/conv_reference/verification/plan/test_grouped.py": "plan",
    "tests/conv_reference/verification/plan/test_plan.py": "plan",
    "tests/conv_reference/verification/report/test_html_in_browser.py": "report",
    "tests/conv_reference/verification/work/test_children.py": "children",
    "tests/conv_reference/verification/work/test_executor.py": "pool",
    "tests/conv_reference/verification/work/test_children_hostile.py": "forks",
    "tests/conv_reference/verification/work/test_processes.py": "processes",
    "tests/test_ci_files.py": "ci",
    "tests/test_contributing.py": "recipes",
    "tests/test_packaging.py": "packaging",
    "tests/test_site.py": "site",
}


# Tests that put cases to a target. To check the shapes at each call of what annotates them was a
# third of their time; its own tests, all that do not stand here, call it often enough.
_SHAPES_UNCHECKED = ("README.md", "docs/", "tests/conv_reference/verification/", "tests/strangers/")
_SHAPES_CHECKED = "tests/conv_reference/verification/trial/"


@pytest.fixture(autouse=True, scope="module")
def shapes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have jaxtyping check annotated shapes, or not, by where the test stands."""
    path = request.path.relative_to(Path(__file__).parent).as_posix()
    unchecked = path.startswith(_SHAPES_UNCHECKED) and not path.startswith(_SHAPES_CHECKED)
    jaxtyping.config.update("jaxtyping_disable", unchecked)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="module")
def without_circumstances() -> Iterator[None]:
    """Nothing is asked around a finding: half the time of a run that finds something.

    For tests of what is found; ``diagnosis``'s tests of each kind of circumstances do without it,
    and so do those of whole runs that are slow.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "conv_reference.verification.diagnosis.findings.Diagnosis._common",
            lambda *_, **__: "",
        )
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported stays: no search for garbage while it comes, and none among it later.

    It was a sixth of the time that collecting takes, in each worker.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    """What is run elsewhere is left out of a run of all."""
    words = "of what is in this folder, only slow tests (`make coverage` runs the others)"
    parser.addoption("--only-slow-of", action="append", default=[], metavar="FOLDER", help=words)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow tests first: a long one that began last would have one worker alone at the end.

    Among themselves they stay as they came, at random.
    """
    rooms = [config.rootpath / folder for folder in config.getoption("--only-slow-of", [])]
    slow = [item for item in items if item.get_closest_marker("slow")]
    fast = [item for item in items if not item.get_closest_marker("slow")]
    elsewhere = [item for item in fast if any(room in item.path.parents for room in rooms)]
    config.hook.pytest_deselected(items=elsewhere)
    left = {*elsewhere}
    items[:] = slow + [item for item in fast if item not in left]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Without the tracer of ``make coverage``, which doubles its time, where one is marked so."""
    tracer = sys.gettrace()
    if not item.get_closest_marker("untraced") or not type(tracer).__module__.startswith(
        "coverage"
    ):
        return (yield)
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """What a worker measured is written before it says that it is ready.

    Ten seconds later it is killed, and on a busy machine it lost everything.
    """
    measured = sys.modules.get("coverage")
    running = measured.Coverage.current() if measured else None
    if running is not None and "PYTEST_XDIST_WORKER" in os.environ:
        running.stop()
        running.save()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Any test to any worker, but for those that share what takes long to prepare.

    pytest-xdist's own groups are lost with pytest 9.2, which lets nobody change a test's name.
    """
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 (where there is xdist)

    class ByPreparation(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
        def _split_scope(self, nodeid: str) -> str:
            return _PREPARED.get(nodeid.partition("::")[0], nodeid)

    return ByPreparation(config, log)


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["*.md"],
    excludes=["CHANGELOG.md", "recipes.md", "frameworks.md", "kernels.md"],  # have their tests
).pytest()
