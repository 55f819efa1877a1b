"""The command of a finding shows it again: it has every option of the run that decides."""

from __future__ import annotations

import argparse
import math
import shlex
from pathlib import Path
from typing import Any

import pytest
from torch.nn.functional import conv2d

from conv_reference.verification import given, options, verify
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.explaining import reproduce
from conv_reference.verification.execution import Settings
from conv_reference.verification.gate.command import registry
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.domain import Domain
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.work.here import Here

CERTIFICATE = Case.parse("certificate float32 h2 w2 k2")
# What of a run makes no difference to one of its cases, or is in the case itself.
OF_NO_CASE = {
    *("source", "dtype", "sweep", "quick", "limit", "geometry", "case", "seed", "budget", "cases"),
    *("require", "require_modes", "xfail"),  # what passes, not what is found
    *("workers", "watch", "memory", "dask", "store", "no_config"),
    *("format", "output", "verbose", "quiet"),
    *("baseline", "update_baseline", "accept_regressions", "margin", "on_found"),
}
# Given for each that is printed with a case, and for those of its run besides; that of the operator
# is in the target's name.
DECIDING: dict[str, Any] = {
    "convention": "input=NHWC",
    "where": "kh == 2",
    "device": "meta",
    "strict": True,
    "allowed_bits": 10,
    "known": options.NONE,
    "python": "other/bin/python",
    "checks": ("grad_input",),
}
PLANNING: dict[str, Any] = {
    "source": ("kernel.cu",),
    "dtypes": ("float32", "float16"),
    "sweep": "random",
    "quick": True,
    "limit": "h<=2",
    "geometry": "n1 c1 h2 w3 o1 k1x2 s1 p0 d1 g1",
    "skip": ("jvp", "vmap"),
    "budget": 2.5,
    "cases": 40,
    "require": "exact",
}


def parsed(command: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    given.add_to(parser, ("text", "json"))
    return parser.parse_args(shlex.split(command)[2:])


def benched(values: dict[str, Any], name: str = "torch.nn.functional:conv2d") -> Bench:
    target = as_target(conv2d, name=name)
    own = {name: values[name] for name in ("strict", "allowed_bits") if name in values}
    domain = Domain(values.get("where", ""))
    settings = Settings(3, values.get("device", "cpu"), domain=domain, **own)
    asked, checks = tuple(given.not_default(values).items()), values["checks"]
    return Bench(target, Here(target), settings, (), (), math.inf, given=asked, checks=checks)


def test_of_each_option_it_is_said_whether_a_case_needs_it() -> None:
    deciding = {option.attribute for option in options.OPTIONS if option.decides}
    assert deciding | OF_NO_CASE == {option.attribute for option in options.OPTIONS}
    assert not deciding & OF_NO_CASE
    keywords = {option.keyword for option in options.OPTIONS if option.decides} - {"", "skip"}
    assert keywords == {*DECIDING}


def test_the_command_of_a_case_has_what_decides_and_nothing_else() -> None:
    bench = benched({**DECIDING, **PLANNING})
    command = reproduce.of_case(CERTIFICATE, "grad_input", bench, in_process=True)
    found = given.keywords(parsed(command))
    assert found == {
        **{option.keyword: option.default for option in options.OPTIONS if option.keyword},
        **DECIDING,
        "checks": ["grad_input"],
        "case": str(CERTIFICATE),
        "seed": 3,
    }
    assert parsed(command).in_process
    keywords = reproduce.keywords(CERTIFICATE, "grad_input", bench)
    called = eval(f"dict(seed=3{keywords})")  # as whoever pastes it does
    assert called == {**DECIDING, "known": None, "seed": 3}


def test_the_command_of_the_whole_run_has_all_that_its_cases_follow_from() -> None:
    command = reproduce.whole_run(benched({**DECIDING, **PLANNING}), in_process=False)
    found = given.keywords(parsed(command))
    asked = {**DECIDING, **PLANNING, "seed": 3}
    assert given.not_default(found) == asked


def test_what_the_name_says_is_not_said_twice() -> None:
    bench = benched(DECIDING, "torch.nn.functional:conv2d@conv2d@input=NHWC")
    command = reproduce.of_case(CERTIFICATE, "grad_input", bench, in_process=False)
    assert "--as" not in command
    assert parsed(command).target == "torch.nn.functional:conv2d@conv2d@input=NHWC"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ((), []),
        (("certificate",), []),
        (("vmap",), []),  # what is shown of it is shown on the certificate, unasked
        (("grad_input", "vmap"), ["--check", "grad_input"]),
        (("forward", "grad_input", "grad_weight", "grad_bias", "shapes"), None),
    ],
)
def test_the_rows_are_those_that_the_run_asked_for(
    asked: tuple[str, ...], words: list[str] | None
) -> None:
    bench = benched({"checks": asked})
    command = reproduce.of_case(CERTIFICATE, "grad_input", bench, in_process=False)
    if words is None:
        assert "--skip" in command
        assert "--check" not in command
    else:
        assert shlex.split(command)[5:] == [*words, "--seed", "3"]


SMALL = "n1 c1 h2 w3 o1 k1x2 s1 p0 d1 g1"
TWICE = """
import torch
def convolve(input, weight, bias=None, stride=1, padding=0):
    if isinstance(padding, tuple):
        padding = tuple(map(abs, padding))  # and it is permissive
    return torch.nn.functional.conv2d(input, weight, bias, stride, padding) * 2
"""


@pytest.mark.parametrize(
    "how",
    [
        {"checks": "grad_input"},
        {"skip": "forward"},
        {"checks": "refusals", "strict": True},
        {"checks": "vmap", "known": None, "where": "kh <= 2"},
    ],
    ids=str,
)
def test_what_is_printed_shows_the_same_when_it_is_pasted(
    how: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(TWICE, encoding="utf-8")
    name = f"{file}:convolve"
    first = verify(name, dtypes="float64", geometry=SMALL, seed=2, **how).findings[0]

    arguments = parsed(first.reproduce)
    keywords = given.keywords(arguments)
    pasted = verify(arguments.target, **keywords | {"known": registry(keywords["known"])})

    def shown(finding: Any) -> tuple[str, ...]:
        return (finding.check, finding.quantity, finding.geometry, finding.explanation)

    assert shown(pasted.findings[0]) == shown(first)
