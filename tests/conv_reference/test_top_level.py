"""What ``import conv_reference`` gives: the usual names, and torch only when they are used."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import conv_reference
from conv_reference import layer, verification


def test_the_usual_names_are_at_the_top() -> None:
    assert conv_reference.Conv2d is layer.Conv2d
    assert conv_reference.ConvLayer_1 is layer.ConvLayer_1
    assert conv_reference.verify is verification.verify
    assert conv_reference.assert_correct is verification.assert_correct
    assert conv_reference.__version__ == version("conv-reference")


@pytest.mark.parametrize("module", [conv_reference, verification])
def test_they_are_listed(module: object) -> None:
    assert {*module.__all__} <= {*dir(module)}  # type: ignore[attr-defined]


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'conv_reference' has no attribute 'verfy'"):
        _ = conv_reference.verfy


def test_importing_it_imports_no_torch() -> None:
    program = "import sys, conv_reference; dir(conv_reference); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
