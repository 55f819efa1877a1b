"""The checks as tests: ``pytest --conv TARGET --pyargs conv_reference.verification.suite``.

Each row of the checks, in each dtype, is an item of its own: ``test_check[forward-float32-cpu]``.
"""

from __future__ import annotations

import pytest

from conv_reference.verification.plugin import PARAMETER, Item, suite_of


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item for each row and dtype."""
    items = list(suite_of(metafunc.config).items())
    metafunc.parametrize(PARAMETER, items, ids=[item.id for item in items])


def test_check(request: pytest.FixtureRequest, conv_item: Item) -> None:
    """One row of the checks in one dtype; skipped where it is unsupported."""
    suite_of(request.config).judge(request.session, conv_item)
