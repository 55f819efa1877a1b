"""The element that shows best that an answer is wrong: as data, then in one line or in several."""

from __future__ import annotations

from dataclasses import dataclass

from conv_reference.verification.step.places import Place


@dataclass(frozen=True)
class Element:
    """What should be at a place, what is, and what more is known of it."""

    name: str  # "Y[1,0,2,3]", with what it was found over: "over integers, Y[1,0,2,3]"
    place: Place
    more: tuple[str, ...] = ()  # where else the answer is off, and why, each with its separator

    @property
    def expected(self) -> str:
        """With nine digits."""
        return f"{self.place.expected:.9g}"

    @property
    def actual(self) -> str:
        """With nine digits."""
        return f"{self.place.actual:.9g}"

    @property
    def in_lines(self) -> str:
        """What should be and what is one below the other, as in every finding."""
        rest = "".join(self.more).lstrip(",: ")
        lines = (self.name, f"  should be {self.expected}", f"  is        {self.actual}", rest)
        return "\n".join(lines).rstrip()

    def __str__(self) -> str:
        return f"{self.name} should be {self.expected}, is {self.actual}{''.join(self.more)}"
