"""What a line raises on an empty batch: in words of its own it is a fault beside the line's others.

A reshape to -1 of no elements raises whatever the sizes are; of some elements it raises because a
size is wrong.
"""

from __future__ import annotations

from dataclasses import replace

from conv_reference.verification.diagnosis.grouping.group import Groups
from conv_reference.verification.diagnosis.kinds import Kind, thrown_alike
from conv_reference.verification.model.judgement import Failure, Thrown


def filed_by_words(groups: Groups) -> Groups:
    """The groups; what an empty batch raises in the words of another batch is of its kind.

    Args:
        groups: by kinds, in which what an empty batch raises is apart, see ``thrown_alike``.
    """
    said = {
        failure.judgement.thrown.alike_in_words
        for group in groups.values()
        for failure in group.failures
        if failure.judgement.thrown is not None and failure.case.geometry.batch > 0
    }
    filed: Groups = {}
    for kind, group in groups.items():
        met = filed.setdefault(_in_any_words(kind, said), group)
        if met is not group:
            met.join(group)
    return filed


def _in_any_words(kind: Kind, said: set[Thrown]) -> Kind:
    """The kind of a line's raises in whatever words, where others are raised in these."""
    if kind.thrown is None or not kind.thrown.place or kind.thrown not in said:
        return kind
    return replace(kind, thrown=replace(kind.thrown, message=""))


def may_throw_alike(one: Failure, other: Failure) -> bool:
    """Whether they do not throw two different things; of two cases, one may be an empty batch."""
    thrown = {thrown_alike(one), thrown_alike(other)}
    return None in thrown or len(thrown) == 1
