from __future__ import annotations

import shlex
import subprocess
import sys

import pytest
from made_reports import GEOMETRY, finding, hostile

from conv_reference.verification.report.derivation import derivation


def test_the_command_derives_the_findings_geometry() -> None:
    program, *words = shlex.split(derivation(finding()))
    assert program == "python"
    assert words == ["-m", "analytic", "--geometry", GEOMETRY]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
    assert "input 2×2, kernel 1×2" in done.stdout


@pytest.mark.parametrize(
    "geometry",
    [hostile().findings[0].geometry, "n4 c8 h30 w30 o8 k3", "n0 h1 w1 k1", "c0 h1 w1 k1", ""],
)
def test_what_is_no_geometry_a_large_one_or_has_nothing_in_it_has_none(geometry: str) -> None:
    assert derivation(finding(geometry=geometry)) == ""


@pytest.mark.parametrize("argument", ["X", "K", "b", "G"])
def test_an_argument_should_be_what_it_was_and_is_not_derived(argument: str) -> None:
    assert derivation(finding(quantity=argument)) == ""


def test_what_concerns_no_number_is_not_derived() -> None:
    assert derivation(finding(of_numbers=False)) == ""
