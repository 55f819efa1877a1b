"""Over which operands a mapping is refused, where over others it is not."""

from __future__ import annotations

from collections.abc import Collection

from conv_reference.verification.model.judgement import Quantity


def refused_over(refused: Collection[Quantity], answered: Collection[Quantity]) -> str:
    """``mapped over X, though not over K or b``; empty where the operands make no difference.

    Of what is refused the simplest is named, as of what is answered: who refuses K mapped over
    refuses X and K, too.

    Args:
        refused: what was mapped over where it was refused.
        answered: the same where it was answered.
    """
    there = {_letters(each): each for each in answered}
    kept = {_letters(each): each for each in refused if _letters(each) not in there}
    if not kept or not there:
        return ""
    named = [
        _named(each) + (" alone" if _is_part(own, there) else "")
        for own, each in kept.items()
        if not any(_is_part(other, {own}) and not _is_part(other, there) for other in kept)
    ]
    others = [_named(each) for own, each in there.items() if not _holds_other(own, there)]
    return f"mapped over {_listed(named)}, though not over {_listed(others)}"


_Letters = tuple[str, ...]


def _letters(quantity: Quantity) -> _Letters:
    """Of several at once the order says nothing; of one around another it does."""
    letters = quantity.mapped_over
    return ("around", *letters) if quantity.nested else tuple(sorted(letters))


def _is_part(letters: _Letters, among: Collection[_Letters]) -> bool:
    """Whether any of these holds all of these letters, and another."""
    return any({*letters} < {*other} for other in among)


def _holds_other(letters: _Letters, among: Collection[_Letters]) -> bool:
    return any({*other} < {*letters} for other in among)


def _named(quantity: Quantity) -> str:
    return (" around " if quantity.nested else " and ").join(quantity.mapped_over)


def _listed(names: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
