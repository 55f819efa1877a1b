"""Try your answer, on the HTML page: how one is written, and what the script says of it."""

from __future__ import annotations

from analytic.calculus.notation import Tensor
from analytic.telling.message import Message, _, _n
from analytic.telling.picture import Picture

#: Of what is counted, a sentence for one, for two and for more: the languages have words for them.
_NUMBERS = (1, 2, 3)

WORDS: dict[str, Message] = {
    "try": _("Try your answer"),
    "try_hint": _(
        "Write an element of the output or of a gradient as a sum of products, all of them as rows "
        "between brackets, or a general formula with letters for indices. It is read on this page "
        "alone. These show how answers are written, not which are right:"
    ),
    "try_label": _("Your answer"),
    "try_button": _("Is it right?"),
    **{
        f"right_{number}": _n(
            "Right, with every term.",
            "Right: all {number} elements.",
            number,
            number="{number}",
        )
        for number in _NUMBERS
    },
    **{
        f"right_general_{number}": _n(
            "Right: in this geometry it gives the one element.",
            "Right: in this geometry it gives all {number} elements.",
            number,
            number="{number}",
        )
        for number in _NUMBERS
    },
    **{
        f"differ_{number}": _n(
            "Not right: {number} of {all} elements differs.",
            "Not right: {number} of {all} elements differ.",
            number,
            number="{number}",
            all="{all}",
        )
        for number in _NUMBERS
    },
    **{
        f"more_{number}": _n("({number} more)", "({number} more)", number, number="{number}")
        for number in _NUMBERS
    },
    "wrong": _("{element} is not right:", element="{element}"),
    "missing": _("{term} is missing.", term="{term}"),
    "superfluous": _("{term} does not belong there.", term="{term}"),
    "moved": _(
        "{written} has a wrong index: it must be {right}.", written="{written}", right="{right}"
    ),
    "miscounted": _("{written} must be {right}.", written="{written}", right="{right}"),
    "flipped": _("With the kernel flipped it would be right."),
    "unread": _("This cannot be read at {sign}.", sign="{sign}"),
    "left": _("On the left side an element should stand, not {sign}.", sign="{sign}"),
    "ends": _("The formula ends too early."),
    "unindexed": _("{element} needs its indices.", element="{element}"),
    "outside": _("There is no {element}.", element="{element}"),
    "letter": _(
        "Indices are made of numbers, and of letters with which a sum or the left side counts, "
        "not of {sign}.",
        sign="{sign}",
    ),
    "ragged": _("The rows of a matrix must be of one length."),
    "size": _("The matrix must be {right}, not {written}.", right="{right}", written="{written}"),
    "whole": _("The matrix of a Jacobian has no indices on the left side."),
    "zero": _("Nothing can be divided by 0."),
    "long": _("This is too long to be tried here."),
}


def forms(picture: Picture) -> tuple[str, ...]:
    """How answers are written; their form alone, no right ones."""
    X, K, Y, G = (pictured.tensor for pictured in picture.tensors)

    def element(tensor: Tensor, *indices: str) -> str:
        leading = sum(tensor.written) - len(indices)
        return f"{tensor.name}[{','.join(('0',) * leading + indices)}]"

    return (
        f"d{element(X, '0', '0')} = 2*{element(G, '0', '0')}*{element(K, '0', '0')}",
        f"{Y.name} = [{element(X, '0', '0')}, 0; 0, {element(K, '0', '0')}]",
        f"d{element(K, 'a', 'b')} = sum(i,j) {element(G, 'i', 'j')}*{element(X, 'i', 'j')}",
    )
