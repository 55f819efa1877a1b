"""Which checks a request names, by their own names or those of their rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conv_reference.verification.checks import Check, Sample, all_checks
from conv_reference.verification.reading.nearest import meant
from conv_reference.verification.target.target import Target


def no_check(name: str, accepted: Iterable[str]) -> str:
    """That there is none of the name: the check whose row it is, or what is spelt nearly so."""
    owners = [check.name for check in all_checks().values() if name in names_of(check)]
    near = f"; did you mean {' or '.join(owners)}?" if owners else meant(name, accepted)
    return f"no check {name!r}; accepted are those that `conv-reference checks` lists{near}"


def asked_checks(names: Sequence[str]) -> list[Check]:
    """The checks that are asked for, by their name or a row's.

    Args:
        names: empty for all but those on request.
    """
    wanted = set(names)
    return [
        check
        for check in all_checks().values()
        if (names_of(check) & wanted if wanted else check.sample != Sample.REQUEST)
    ]


def selected_checks(target: Target, names: Sequence[str]) -> list[Check]:
    """Those of ``asked_checks`` that the target can be put to.

    Args:
        target: what they are put to.
        names: empty for all but those on request.
    """
    return [check for check in asked_checks(names) if check.unsupported(target) is None]


def selected_rows(checks: Iterable[Check], names: Sequence[str]) -> set[str]:
    """The rows that are reported: where some of a check are named, those alone.

    Args:
        checks: that are put.
        names: empty for every row.
    """
    chosen = list(checks)
    every = {row.name for check in chosen for row in check.rows}
    whole = {row.name for check in chosen if check.name in names for row in check.rows}
    return (whole | set(names)) & every if names else every


def names_of(check: Check) -> set[str]:
    """A check's name and those of its rows."""
    return {check.name, *(row.name for row in check.rows)}
