"""What the options ask for: a geometry, its letters, and the document about it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from math import prod

from analytic.calculus.extent import extent
from analytic.calculus.generation import generate
from analytic.calculus.geometry import Geometry
from analytic.calculus.notation import Names
from analytic.calculus.spelling import parse_geometry
from analytic.calculus.values import parse_values
from analytic.derivation import derive
from analytic.options import SIZES
from analytic.telling.answer import assess
from analytic.telling.document import Document

#: A derivation of more symbols and products is refused: it would take minutes and gigabytes.
MOST = 600_000
MOST_TAPS = 10_000
#: One of more is announced before work starts.
LONG = 30_000
_PER_SECOND = 8_000  # symbols and products, on one core of an ordinary machine


class RequestError(ValueError):
    """Options that do not go together, or ask for too much; the message is one line."""


def geometry_of(asked: argparse.Namespace) -> Geometry:
    """The sizes that the options give; those of the chapter where they give none."""
    sizes = {size: getattr(asked, size) for size in SIZES if hasattr(asked, size)}
    bias = sizes.pop("bias", False)
    text = sizes.pop("geometry", None)
    if text is not None:
        if sizes:
            raise RequestError(f"--geometry gives all sizes and takes no {_options(sizes)}")
        return parse_geometry(text, bias=bias)
    if "channels" in sizes:
        sizes["in_channels"], sizes["out_channels"] = sizes.pop("channels")
    return Geometry(**{"input": (2, 3), "kernel": (1, 2), **sizes}, bias=bias)


def announcement(asked: argparse.Namespace) -> str | None:
    """How long it will take, where that is more than a moment.

    Raises:
        RequestError: It is too much to be written down symbol by symbol.
    """
    if asked.theorem:
        return None
    size = extent(geometry_of(asked))
    if size > MOST:
        raise RequestError(
            f"the geometry is too large to be derived symbol by symbol, got {size:,} symbols and "
            f"products; accepted are up to {MOST:,}, as of a 200×200 input with a 3×3 kernel"
        )
    if size <= LONG:
        return None
    return f"{size:,} symbols and products: this takes about {max(1, size // _PER_SECOND)} s"


def document_of(asked: argparse.Namespace) -> Document:
    """The derivation of a geometry, with numbers where they are given, or the theorem."""
    if asked.theorem:
        return _theorem(asked)
    geometry = geometry_of(asked)
    derivation = derive(geometry, names=names_of(asked))
    if asked.values is None:
        return derivation.document
    return derivation.with_values(parse_values(asked.values, geometry))


def code_of(asked: argparse.Namespace) -> str:
    """The gradients as a function of a library, as its text."""
    options = ("theorem", "values", "fragment", "symbols", "all_indices")
    given = [name for name in options if getattr(asked, name)]
    if given:
        raise RequestError(
            f"the format {asked.format or 'numpy'} is a function and takes no {_options(given)}"
        )
    geometry = geometry_of(asked)
    taps = prod(geometry.kernel)
    if taps > MOST_TAPS:
        raise RequestError(
            f"the function has a passage for each kernel element, got {taps:,}; accepted are up "
            f"to {MOST_TAPS:,}"
        )
    return generate(geometry, library=asked.format or "numpy").source


def answer_of(asked: argparse.Namespace) -> tuple[bool, Document]:
    """Whether the formula that is tried is right, and what there is to say of it."""
    others = {"--theorem": asked.theorem, "--values": asked.values, "--fragment": asked.fragment}
    given = [name for name, value in others.items() if value]
    if asked.format not in {None, "text"}:
        given.append("--format")
    if given:
        raise RequestError(f"--try answers in a few lines of text and takes no {', '.join(given)}")
    return assess(asked.answer, derive(geometry_of(asked), names=names_of(asked)))


def names_of(asked: argparse.Namespace) -> Names:
    """The letters that the options choose."""
    return Names(**(asked.symbols or {}), all_indices=asked.all_indices)


def _theorem(asked: argparse.Namespace) -> Document:
    given = [size for size in SIZES if hasattr(asked, size)]
    given += [name for name in ("values", "all_indices") if getattr(asked, name)]
    if given:
        raise RequestError(f"--theorem is of every geometry and takes no {_options(given)}")
    from analytic.theorem import theorem  # noqa: PLC0415  # other derivations need none of it

    return theorem(Names(**asked.symbols) if asked.symbols else None)


def _options(names: Iterable[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)
