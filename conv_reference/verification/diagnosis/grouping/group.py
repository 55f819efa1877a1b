"""Failures of one kind, together with the rows in which what follows from them shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from conv_reference.verification.diagnosis.kinds import Kind, Place
from conv_reference.verification.model.judgement import Failure


@dataclass
class Group:
    """The failures of one kind, and where what follows from them shows."""

    failures: list[Failure] = field(default_factory=list)
    # Every row in which it shows, and in which dtype: what follows from it may be met in another.
    places: dict[Place, None] = field(default_factory=dict)
    # Those of them whose own faults could not be seen: what they follow from comes and goes.
    hidden: dict[str, None] = field(default_factory=dict)
    # Those that are attributed to it for want of time: whether they follow was not tried.
    unasked: dict[str, None] = field(default_factory=dict)
    # Whether there was no time to try what they follow from, and nothing is likely.
    loose: bool = False

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows in which it shows, in whatever dtype."""
        return tuple(dict.fromkeys(row for row, _ in self.places))

    def join(self, other: Group) -> None:
        """Take what another holds, which is of the same kind after all."""
        self.failures += other.failures
        self.places |= other.places
        self.hidden |= other.hidden
        self.unasked |= other.unasked
        self.loose |= other.loose


Groups = dict[Kind, Group]
