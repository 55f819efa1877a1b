"""What the tests' own configuration does around each of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CONFTEST = str(Path(__file__).parent.parent / "conftest.py")


class Tracer:
    """Of coverage, as far as its module's name says."""

    __module__ = "coverage.of_the_test"

    def __call__(self, *_: object) -> None:
        """Nothing is traced."""


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    before, tracer = sys.gettrace(), Tracer()
    sys.settrace(tracer)
    yield tracer
    sys.settrace(before)


@pytest.mark.parametrize("untraced", [True, False])
def test_who_asks_for_that_is_run_without_the_tracer_and_the_next_with_it(
    untraced: bool, tracer: Tracer, request: pytest.FixtureRequest
) -> None:
    conftest: Any = request.config.pluginmanager.get_plugin(CONFTEST)
    if untraced:
        request.node.add_marker("untraced")
    around = conftest.pytest_runtest_protocol(request.node)

    next(around)
    assert sys.gettrace() is (None if untraced else tracer)
    with pytest.raises(StopIteration):
        around.send(None)
    assert sys.gettrace() is tracer


def test_another_tracer_is_left_alone(request: pytest.FixtureRequest) -> None:
    conftest: Any = request.config.pluginmanager.get_plugin(CONFTEST)
    before = sys.gettrace()

    def debugger(*_: object) -> None:
        """Nothing is traced."""

    request.node.add_marker("untraced")
    sys.settrace(debugger)
    try:
        next(conftest.pytest_runtest_protocol(request.node))
        assert sys.gettrace() is debugger
    finally:
        sys.settrace(before)
