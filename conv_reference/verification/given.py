"""What is given for the options: to the command, or to ``verify``; and their defaults."""

from __future__ import annotations

import argparse
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
