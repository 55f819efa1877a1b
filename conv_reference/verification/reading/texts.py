"""What is validated of a check's name, a geometry and a case without torch."""

from __future__ import annotations

from collections.abc import Collection
from math import prod
from pathlib import Path

from conv_reference.geometry import Geometry
from conv_reference.verification.reading import catalogue, words
from conv_reference.verification.reading.limited import Limits
from conv_reference.verification.reading.threshold_integers import integers_in

MOST_ELEMENTS = 2**27  # of X with its padding, K and Y together: 1 GiB in float64


def known_check(name: str) -> None:
    """Refuse a name that is no check's, no row's and no family's.

    Raises:
        ValueError: one line, with what is near it.
    """
    catalogue.require_known([name])


def require_size(geometry: Geometry) -> None:
    """Refuse sizes whose operands are too large to be tried.

    Raises:
        ValueError: one line with the number of elements and what is accepted.
    """
    elements = elements_of(geometry)
    if elements > MOST_ELEMENTS:
        raise ValueError(
            f"X with its padding, K and Y must have at most {MOST_ELEMENTS:,} elements together, "
            f"got {elements:,} with the geometry {geometry}"
        )


def elements_of(geometry: Geometry) -> int:
    """How many elements X with its padding, K and Y have together."""
    padded = geometry.batch * geometry.in_channels * prod(geometry.padded_size)
    return padded + prod(geometry.weight_shape) + prod(geometry.output_shape)


def geometry(text: str) -> None:
    """Refuse a text that is no geometry, or a large one.

    Raises:
        ValueError: one line that names the part.
    """
    require_size(Geometry.parse(text))


def source(file: str) -> tuple[int, ...]:
    """The integers that stand in a source file and may be thresholds, from small to large.

    Raises:
        ValueError: one line, where it cannot be read.
    """
    try:
        return integers_in(Path(file).read_text("utf-8"))
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise ValueError(f"source must be a file of text, got {file!r}: {why}") from None


def convention(text: str) -> None:
    """Refuse what does not describe how a target is called.

    Raises:
        ValueError: one line with the word and what is accepted.
    """
    words.parse(text)


def limits(text: str) -> None:
    """Refuse what are no limits of an exhaustive sweep.

    Raises:
        ValueError: one line that names the term.
    """
    Limits.parse(text)


def case(text: str, dtypes: Collection[str]) -> None:
    """Refuse what can be seen to be no case; its layouts and values are read later, with torch.

    Raises:
        ValueError: one line that names the part.
    """
    words = text.split()
    if len(words) < 2:
        raise ValueError(
            f"not a case: {text!r}; accepted is a check, a dtype and a geometry, like "
            "'certificate float32 h2 w3 k1x2'"
        )
    check, dtype, *rest = words
    known_check(check)
    if dtype not in dtypes:
        raise ValueError(f"dtype must be one of {', '.join(dtypes)}, got {dtype!r} in the case")
    geometry(" ".join(word for word in rest if "=" not in word and word not in {"bias", "nobias"}))
