from __future__ import annotations

import argparse
import ast
import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from torch.nn.functional import conv2d

from conv_reference.verification import given, options, verify
from conv_reference.verification.model.case import DTYPES
from conv_reference.verification.plan.request import Sweep


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    given.add_to(parser, ("text", "json"))
    return parser.parse_args(words)


def test_each_keyword_is_one_of_verify_with_the_same_default() -> None:
    parameters = inspect.signature(verify).parameters
    for option in options.OPTIONS:
        if option.keyword and option.keyword != "known":  # by its path there
            default = parameters[option.keyword].default
            assert default == option.default, option.flag


def test_no_default_of_an_option_is_written_twice() -> None:
    (function,) = ast.parse(inspect.getsource(verify)).body
    assert isinstance(function, ast.FunctionDef)
    written = {
        argument.arg: ast.unparse(default)
        for argument, default in zip(
            function.args.kwonlyargs, function.args.kw_defaults, strict=True
        )
        if default is not None and not isinstance(default, ast.Attribute)
    }
    # What the command has no option for, or another one.
    assert {*written} == {"isolate", "known", "memory", "progress"}


KINDS: dict[Any, set[str]] = {int: {"int"}, float: {"float"}, None: {"bool"}, Path: {"Path"}}


def test_the_type_of_each_keyword_takes_what_its_option_is_read_as() -> None:
    parameters = inspect.signature(verify).parameters
    for option in options.OPTIONS:
        if option.keyword:
            types = set(re.findall(r"\w+", parameters[option.keyword].annotation))
            assert KINDS.get(option.kind, {"str"}) <= types, option.flag
            assert not option.repeated or "Sequence" in types, option.flag


def test_what_is_named_here_is_what_the_engine_has() -> None:
    assert tuple(DTYPES) == options.DTYPES
    assert tuple(Sweep) == options.SWEEPS


def test_a_flag_is_there_once_and_each_option_is_listed() -> None:
    flags = [option.flag for option in options.OPTIONS]
    assert len({*flags}) == len(flags)
    declared = [one for one in vars(options).values() if isinstance(one, options.Option)]
    assert {one.flag for one in declared} == {*flags}


VERIFICATION = Path(options.__file__).parents[1]
# Where what is given is taken: for `verify` by the keyword, for the command by its own name.
TAKING = [VERIFICATION / "running" / "verifying.py"]
COMMAND = [VERIFICATION / "commands" / name for name in ("verify.py", "carrying.py")]
TAKING_ALONE = [*COMMAND, *(VERIFICATION / "gate").glob("*.py")]


def named_in(modules: list[Path]) -> set[str]:
    """The texts and the names with a dot that the functions of the modules contain."""
    functions = (
        node
        for module in modules
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    )
    inside = [node for function in functions for node in ast.walk(function)]
    texts = {str(node.value) for node in inside if isinstance(node, ast.Constant)}
    return texts | {ast.unparse(node) for node in inside if isinstance(node, ast.Attribute)}


def unread(asked: Iterable[options.Option]) -> list[str]:
    """The flags of those that nothing reads."""
    names = {id(value): f"options.{name}" for name, value in vars(options).items()}
    taken, alone = named_in(TAKING), named_in(TAKING_ALONE)

    def is_read(option: options.Option) -> bool:
        if option.keyword:
            return option.keyword in taken
        return not alone.isdisjoint({f"arguments.{option.attribute}", names.get(id(option))})

    return [option.flag for option in asked if not is_read(option)]


def test_each_option_is_read_somewhere_for_else_it_is_accepted_silently() -> None:
    assert unread(options.OPTIONS) == []


def test_an_option_that_nothing_reads_is_noticed() -> None:
    made = [
        options.Option(flag="patience", group=options.JUDGED, help="", keyword=keyword)
        for keyword in ("", "patience")
    ]
    assert unread(made) == ["patience", "patience"]


def test_whatever_cases_or_verdicts_follow_from_is_recorded_in_a_baseline() -> None:
    recorded = {option.keyword for option in options.RECORDED}
    asked = {option.keyword for option in options.OPTIONS if option.keyword}
    # One case or geometry has no baseline; seeds are its own; where it runs changes no verdict.
    assert asked - recorded == {"geometry", "case", "seed", "workers", "store", "python"}


def test_what_is_given_is_told_from_what_is_not() -> None:
    assert given.value(parsed("--sweep", "small"), options.SWEEP) == "small"
    assert parsed().sweep is None
    assert given.value(parsed(), options.SWEEP) == "default"
    assert given.keywords(parsed("--check", "jvp", "--check", "vmap"))["checks"] == [
        "jvp",
        "vmap",
    ]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"budget": float("inf")}, "budget must be finite and more than 0 seconds, got inf"),
        ({"allowed_bits": 54}, "allowed_bits must be 1..53, got 54"),
        ({"workers": 0}, "workers must be 1..256, got 0"),
        ({"workers": 100_000}, "workers must be 1..256, got 100000"),
        ({"sweep": "wide"}, "sweep must be one of default, small, .*, got 'wide'"),
        ({"require": "wrong"}, "require must be one of rounded, exact, got 'wrong'"),
        ({"checks": ["jvp", "none"]}, "no check 'none'"),
        ({"geometry": "h2"}, "the geometry 'h2' lacks w, k"),
    ],
)
def test_from_python_the_same_is_refused_by_its_keyword(
    keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        given.require_keywords(**keywords)


@pytest.mark.parametrize(
    "keywords",
    [{"seed": -1}, {"allowed_bits": 54}, {"workers": 0}, {"sweep": "wide"}, {"source": "none.cu"},
     {"python": "none"}, {"convention": "input=what"}, {"limit": "what"}],
    ids=lambda keywords: next(iter(keywords)),
)  # fmt: skip
def test_verify_refuses_what_is_outside_the_range_of_an_option(keywords: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=str(*keywords.values())):
        verify(conv2d, **keywords)
