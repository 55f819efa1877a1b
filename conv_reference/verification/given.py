"""What is given for the options: to the command, or to ``verify``; and their defaults."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from conv_reference.verification import options


def add_to(parser: argparse.ArgumentParser, formats: tuple[str, ...]) -> None:
    """Give a parser the options, by groups.

    Args:
        parser: of the command.
        formats: of a report, which are found out where they are.

    No option has a default in the parser, so that what is given differs from what is not;
    ``value`` fills in the rest.
    """
    groups: dict[str, Any] = {}
    for option in options.OPTIONS:
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        flags = [flag for flag in (option.short, f"--{option.flag}") if flag]
        groups[option.group].add_argument(
            *flags,
            **options.settings(option) | ({"choices": formats} if option is options.FORMAT else {}),
        )


def value(arguments: argparse.Namespace, option: options.Option) -> Any:
    """What is given for the option, or its default."""
    given = getattr(arguments, option.attribute)
    return option.default if given is None else given


def require(arguments: argparse.Namespace) -> None:
    """Refuse what is outside its range.

    Raises:
        ValueError: one line with the option, the value and what is accepted.
    """
    for option in options.OPTIONS:
        option.require(getattr(arguments, option.attribute), f"--{option.flag}")


def require_keywords(**given: Any) -> None:
    """Refuse what ``verify`` is given outside an option's range, each by its keyword.

    Raises:
        ValueError: one line with the keyword, the value and what is accepted.
    """
    by_keyword = {option.keyword: option for option in options.OPTIONS}
    for keyword, value_given in given.items():
        by_keyword[keyword].require(value_given)


def keywords(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments of ``verify`` that a command line amounts to, by their names."""
    return {
        option.keyword: value(arguments, option) for option in options.OPTIONS if option.keyword
    }


def not_default(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is given for options of ``verify`` and is not their default, as plain data.

    Args:
        values: by keyword; others than options are left out.
    """
    found = {}
    for option in options.OPTIONS:
        if option.keyword and option.keyword in values:
            plain = _plain(values[option.keyword])
            if plain != option.default:
                found[option.keyword] = plain
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(map(_plain, value))
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def as_words(values: Mapping[str, Any]) -> list[str]:
    """Options of the command that amount to these keywords of ``verify``, none its default."""
    words = []
    for option in options.OPTIONS:
        if option.keyword not in values or not option.keyword:
            continue
        value_given = values[option.keyword]
        for one in value_given if option.repeated else (value_given,):
            told = (
                [] if option.kind is None else [f"{one:g}" if isinstance(one, float) else f"{one}"]
            )
            words += [f"--{option.flag}", *told]
    return words


def in_python(values: Mapping[str, Any]) -> str:
    """The same as keywords of a call, each behind a comma."""
    told = {**values}
    if told.get("known") == options.NONE:
        told["known"] = None
    return "".join(f", {name}={value_given!r}" for name, value_given in told.items())
