"""What every pytest run loads: options and two fixtures; nothing else until they are used.

It stands beside the packages, not in one: else every run would import ``conv_reference`` before
tools that instrument it (jaxtyping, coverage) are ready. torch is not imported here; of the
packages one folder is read, the tables of the options.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conv_reference.verification import Report


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the suite: see ``docs/gate.md``."""
    group = parser.getgroup(
        "conv-reference", "is this convolution right? (--pyargs conv_reference.verification.suite)"
    )
    add = group.addoption
    add("--conv", metavar="TARGET", help="package.module:attribute or path/file.py:attribute")
    options = _options()
    for option in options.OPTIONS:
        if option.plugin:
            add(f"--conv-{option.plugin}", **options.settings(option))
    add("--conv-skips", metavar="FILE", help="patterns of checks to skip, one a line")
    add("--conv-xfails", metavar="FILE", help="patterns of checks that fail and must, one a line")


def _options() -> Any:
    """The package ``conv_reference.verification.options``, without those above it."""
    name = "_conv_reference_options"
    if name not in sys.modules:
        folder = Path(__file__).parent / "conv_reference" / "verification" / "options"
        spec = spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None and spec.loader is not None  # a .py file has both  # noqa: PT018
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def pytest_configure(config: pytest.Config) -> None:
    """Load the suite's part only where a target is named."""
    if config.getoption("--conv") is not None:
        from conv_reference.verification.plugin import register  # noqa: PLC0415 (pytest starts without torch)

        register(config)


@pytest.fixture
def conv_verify(request: pytest.FixtureRequest) -> Callable[..., Report]:
    """``conv_reference.verification.verify``; its seed and budget may come from the command line.

    Example::

        def test_mine(conv_verify):
            assert conv_verify(my_conv2d, dtypes=[torch.float32]).verdict == "exact"
    """
    from conv_reference.verification import verify  # noqa: PLC0415 (pytest starts without torch)

    return _with_defaults(verify, request.config)


@pytest.fixture
def assert_correct_conv(request: pytest.FixtureRequest) -> Callable[..., None]:
    """``conv_reference.verification.assert_correct``: fails with the findings.

    Example::

        def test_mine(assert_correct_conv):
            assert_correct_conv(my_conv2d, dtypes=[torch.float32], budget=5)
    """
    from conv_reference.verification import assert_correct  # noqa: PLC0415 (pytest starts without torch)

    return _with_defaults(assert_correct, request.config)


def _with_defaults(function: Callable[..., Any], config: pytest.Config) -> Callable[..., Any]:
    given = {name: config.getoption(f"--conv-{name}") for name in ("seed", "budget")}
    defaults = {name: value for name, value in given.items() if value is not None}

    def with_defaults(implementation: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        return function(implementation, **(defaults | options))

    return with_defaults
