"""What is known of an option of a run; how it is declared to argparse and pytest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

# The groups, as ``--help`` shows them in this order.
TRIED = "what is tried"
JUDGED = "how it is judged"
PLACE = "where it runs"
REPORT = "the report"
GATE = "the gate"


# What may be given from Python for what the command reads as one.
_NUMBERS: Mapping[Any, tuple[type, str]] = {
    int: (Integral, "an integer"),
    float: (Real, "a number"),
}


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option: ``--flag`` of the command and, where it has one, a keyword of ``verify``."""

    flag: str
    group: str
    help: str  # a range or a default that is no value is in it
    keyword: str = ""  # of `verify`; empty for what concerns the command alone
    kind: Callable[[str], Any] | None = str  # None: a switch
    metavar: str | None = None
    default: Any = None  # where nothing is given
    unset: str = "none"  # what a default of None means, in words
    choices: tuple[str, ...] = ()
    repeated: bool = False
    ordered: bool = False  # of a repeated one, whether the order of its values matters
    valid: Callable[[Any], bool] = lambda _: True
    accepted: str = ""  # the error for a value that is not valid, behind its name
    checked: Callable[[Any], object] | None = None  # raises a ValueError that says more
    recorded: bool = False  # cases or verdicts follow from it: a baseline holds it
    decides: bool = False  # one case may come out otherwise without it: a finding's command has it
    short: str = ""
    plugin: str = ""  # its flag in pytest, behind "--conv-"; empty where it has none

    @property
    def attribute(self) -> str:
        """Its name in the parser's result."""
        return self.flag.replace("-", "_")

    def require(self, value: Any, name: str = "") -> None:
        """Refuse a value that is outside the option's range.

        Args:
            value: given for it; None where nothing is. Of a repeated one, all values.
            name: what the message calls it; by default the keyword of ``verify``.

        Raises:
            ValueError: one line with the value and what is accepted.
        """
        if value is None or self.kind is None:
            return
        for one in value if self.repeated else (value,):
            called = name or self.keyword or self.flag
            number, what = _NUMBERS.get(self.kind, (object, ""))
            if not isinstance(one, number) or (what and isinstance(one, bool)):
                raise ValueError(f"{called} must be {what}, got {one!r}")
            if self.choices and one not in self.choices:
                accepted = ", ".join(self.choices)
                raise ValueError(f"{called} must be one of {accepted}, got {str(one)!r}")
            if not self.valid(one):
                raise ValueError(f"{called} {self.accepted}, got {one}")
            if self.checked is not None:
                self.checked(one)


def settings(option: Option) -> dict[str, Any]:
    """The keyword arguments of argparse's ``add_argument``, and of pytest's ``addoption``."""
    shown = option.default is not None and not option.repeated
    default = f"{option.default:g}" if isinstance(option.default, float) else option.default
    if option.kind is None:
        return {"help": option.help, "action": "store_true"}
    found: dict[str, Any] = {"help": f"{option.help} ({default})" if shown else option.help}
    found |= {"type": option.kind, "metavar": option.metavar}
    if option.choices:
        found["choices"] = option.choices
    if option.repeated:
        found["action"] = "append"
    return found
