"""What is known of each convolution of a training step, and how it is printed."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from conv_reference.geometry import Geometry
from conv_reference.quantities import FIRST_ORDER
from conv_reference.verification.model.digits import digits
from conv_reference.verification.model.result import Verdict, is_worse, worst
from conv_reference.verification.report.plain import counted
from conv_reference.verification.step.element import Element


@dataclass
class Seen:
    """One quantity of one convolution."""

    in_place: Verdict = Verdict.UNSUPPORTED  # on the numbers of the step
    replayed: Verdict = Verdict.UNSUPPORTED  # over integers; unsupported where it was not replayed
    bits_in_place: float = math.inf  # the least effective ones; infinite where all was exact
    bits_replayed: float = math.inf
    limit: float = 0.0  # the greatest of the detection limits of its calls
    # Exact over integers: the probability that an error was missed, at most; None is not known.
    miss_bound: float | None = None
    not_exact: str = ""  # over integers, where it is rounded the most: that element
    finding: Element | None = None  # the first that is wrong
    is_of_replay: bool = False  # whether that was found over integers
    judged: int = 0  # calls, in place
    wrong: list[int] = field(default_factory=list)  # in place, the optimizer's steps of such calls
    index: tuple[int, ...] = ()
    expected: str = ""
    actual: str = ""

    def found(self, element: Element, *, over_integers: bool = False) -> bool:
        """Something is wrong; the first stays, and whether it is that."""
        if self.finding is not None:
            return False
        place = element.place
        self.finding, self.index = element, place.index
        self.is_of_replay = over_integers
        self.expected, self.actual = digits(place.expected), digits(place.actual)
        return True

    def take(self, verdict: Verdict, *, bits: float, limit: float) -> None:
        """A call judged in place.

        Args:
            verdict: on this quantity.
            bits: the least effective ones of its elements; infinite where all are exact.
            limit: the smallest error of one element, relative to the greatest, that would show.
        """
        if self.in_place == Verdict.UNSUPPORTED or is_worse(verdict, self.in_place):
            self.in_place = verdict
        self.bits_in_place = min(self.bits_in_place, bits)
        self.limit = max(self.limit, limit)

    def counted(self, step: int, *, is_wrong: bool) -> None:
        """A call was judged in place, in this step of the optimizer."""
        self.judged += 1
        if is_wrong:
            self.wrong.append(step)

    def take_exact(self, miss_bound: float | None) -> None:
        """A replay over integers that is exact; of several kinds of calls the weakest counts."""
        is_first = self.replayed == Verdict.UNSUPPORTED
        known = (miss_bound,) if is_first else (miss_bound, self.miss_bound)
        bounds = [bound for bound in known if bound is not None]
        self.miss_bound = max(bounds) if len(bounds) == len(known) else None
        self.take_replay(Verdict.EXACT, bits=math.inf)

    def take_replay(self, verdict: Verdict, *, bits: float, said: str = "") -> None:
        """A replay over integers; where it is rounded, with the element.

        Args:
            verdict: on this quantity.
            bits: the least effective ones of its elements; infinite where all are exact.
            said: the element that is not exact, in words; empty where all are.
        """
        if said and bits < self.bits_replayed:
            self.not_exact = said
        if self.replayed == Verdict.UNSUPPORTED or is_worse(verdict, self.replayed):
            self.replayed = verdict
        self.bits_replayed = min(self.bits_replayed, bits)

    @property
    def bits(self) -> float:
        """The least effective ones of both answers."""
        return min(self.bits_in_place, self.bits_replayed)

    @property
    def verdict(self) -> Verdict:
        """The worse of both; unsupported where neither was judged."""
        return worst(v for v in (self.in_place, self.replayed) if v != Verdict.UNSUPPORTED)


@dataclass
class Row:
    """One convolution of the network: a module, with one geometry and dtype."""

    name: str
    geometry: Geometry  # of a transposed convolution, the one that it is the adjoint of
    dtype: str
    transposed: bool
    calls: int = 0  # forward and backward
    judged: int = 0
    # Whether autograd recorded a forward pass of it; None before there was one. Else a backward
    # pass that is met is called by what wrote its own.
    recorded: bool | None = None
    is_unplaced: bool = False  # of no known module of the model that certify was given
    quantities: dict[str, Seen] = field(default_factory=dict)

    def seen(self, quantity: str) -> Seen:
        """What was seen of Y, dX, dK or db."""
        return self.quantities.setdefault(quantity, Seen())

    @property
    def verdict(self) -> Verdict:
        """The worst of its quantities."""
        seen = (s.verdict for s in self.quantities.values())
        return worst(v for v in seen if v != Verdict.UNSUPPORTED)


def titled(rows: Sequence[Row]) -> Iterator[tuple[str, Row]]:
    """Each row with a name that no other of its dtype has.

    A module that runs on several sizes, as a head that is shared between levels, has a row for
    each: there the geometry is added.
    """
    times = Counter((row.name, row.dtype) for row in rows)
    for row in rows:
        yield row.name if times[row.name, row.dtype] == 1 else f"{row.name} ({row.geometry})", row


@dataclass
class Certificate:
    """What is known of the convolutions that ran, a row for each.

    Example::

        with certify(model) as certificate:
            model(x).mean().backward()
        print(certificate)
        certificate.raise_if_wrong()
    """

    rows: list[Row] = field(default_factory=list)
    not_judged: Counter[str] = field(default_factory=Counter)  # what was met, and why
    steps: int = 0  # in which calls were judged

    @property
    def verdict(self) -> Verdict:
        """The worst of the rows; unsupported where nothing was judged."""
        return worst(row.verdict for row in self.rows if row.judged)

    @property
    def passed(self) -> bool:
        """Whether a convolution was judged, and none is wrong."""
        return self.verdict in {Verdict.EXACT, Verdict.ROUNDED}

    def __bool__(self) -> bool:
        """See ``passed``."""
        return self.passed

    def __str__(self) -> str:
        """A table with a row for each convolution, what is wrong first."""
        return "\n".join(_lines(self))

    @property
    def headline(self) -> str:
        """The verdict, and of how much it is one, in one line."""
        said = {Verdict.UNSUPPORTED: "nothing was judged", Verdict.WRONG: "wrong"}
        word = said.get(self.verdict, "right, as far as it was judged")
        judged, calls = sum(r.judged for r in self.rows), sum(r.calls for r in self.rows)
        dtypes = ", ".join(dict.fromkeys(row.dtype for row in self.rows))
        return (
            f"{word}: {counted(len(self.rows), 'convolution')}, {judged} of {calls} calls judged "
            f"in {counted(self.steps, 'step')}{dtypes and f', in {dtypes}'}"
            f"{_over_integers(self)}{_unjudged(self)}"
        )

    def raise_if_wrong(self) -> None:
        """Raise where a convolution is wrong, or none was judged.

        Raises:
            AssertionError: with the printed certificate.
        """
        if not self.passed:
            raise AssertionError(str(self))


def _lines(certificate: Certificate) -> list[str]:
    rows, lines = certificate.rows, [certificate.headline]
    for title, row in titled(rows):
        for quantity, seen in row.quantities.items():
            if seen.finding:
                lines.append(f"  WRONG {title} {quantity}: {seen.finding}")
                lines.append(f"    {'; '.join(filter(None, (_described(row), when(seen))))}")
    lines += _table(rows)
    lines += (f"  {line}" for line in not_exact(certificate))
    return lines + [f"  {line}" for line in unjudged(certificate)]


def unjudged(certificate: Certificate) -> Iterator[str]:
    """A line for each kind of what was met and not judged, the most frequent first."""
    for reason, number in certificate.not_judged.most_common():
        yield f"not judged: {reason}" + ("" if number == 1 else f" ({number:,} times)")


def _over_integers(certificate: Certificate) -> str:
    """How many answers were exact, of those that were computed once more over integers."""
    asked = [seen.replayed for row in certificate.rows for seen in row.quantities.values()]
    asked = [verdict for verdict in asked if verdict != Verdict.UNSUPPORTED]
    exact = sum(verdict == Verdict.EXACT for verdict in asked)
    return f"; over integers {exact:,} of {counted(len(asked), 'answer')} exact" if asked else ""


def _unjudged(certificate: Certificate) -> str:
    """How much was met which nothing is known of, if any was."""
    met = certificate.not_judged.total()  # calls, layers, answers of a call
    return f"; met and not judged: {counted(met, 'thing')}" if met else ""


def not_exact(certificate: Certificate) -> Iterator[str]:
    """Where an answer over integers is rounded, the one of the fewest bits, with its element."""
    found = [
        (seen.bits_replayed, f"{title} {quantity}", seen.not_exact)
        for title, row in titled(certificate.rows)
        for quantity, seen in row.quantities.items()
        if seen.replayed == Verdict.ROUNDED
    ]
    if found:
        bits, name, element = min(found)
        least = " least" if found[1:] else ""
        yield (
            f"over integers, rounded{least} in {name}, to {bits:.1f} bits: {element}; a direct "
            "algorithm makes no error there, a transform as Winograd's does"
        )


def _described(row: Row) -> str:
    adjoint = "transposed, the adjoint of " if row.transposed else ""
    return f"{adjoint}{row.geometry} in {row.dtype}"


def when(seen: Seen) -> str:
    """In how many of its calls it was wrong in place, and in which steps."""
    if not seen.wrong:
        return ""
    steps = [*dict.fromkeys(seen.wrong)]
    first = ", ".join(map(str, steps[:_MOST_STEPS])) + (", ..." if steps[_MOST_STEPS:] else "")
    return (
        f"in place wrong in {len(seen.wrong):,} of {seen.judged:,} calls, in step"
        f"{'' if len(steps) == 1 else 's'} {first}"
    )


_MOST_STEPS = 5  # that are named


def _table(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    several = len({row.dtype for row in rows}) > 1
    named = [(f"{title} {row.dtype}" if several else title, row) for title, row in titled(rows)]
    width = max(len(title) for title, _ in named)
    cells = [[_cell(row.quantities.get(name)) for name in FIRST_ORDER] for _, row in named]
    widths = [max(len(line[place]) for line in cells) + 2 for place in range(len(FIRST_ORDER))]
    lines = []
    for title, line in zip(
        ("", *(title for title, _ in named)), (FIRST_ORDER, *cells), strict=True
    ):
        columns = "".join(f"{cell:{wide}}" for cell, wide in zip(line, widths, strict=True))
        lines.append(f"  {title:{width}}  {columns}".rstrip())
    return [*lines, *_legend(rows)]


def _legend(rows: list[Row]) -> list[str]:
    """What the cells mean, as far as there are such."""
    every = [seen for row in rows for seen in row.quantities.values()]
    lines = [
        "  in place, on the step's own numbers: rounded is no further off than rounding explains;",
        "  <x: an error of one element below x times the greatest one is not told from rounding",
    ]
    if any(seen.replayed != Verdict.UNSUPPORTED for seen in every):
        lines[-1] += ";"
        lines.append(
            "  / over integers, where a direct algorithm makes no error: exact, to the bit"
        )
    below = (*unplaced(rows), SCOPE, *missed(every))
    return [*lines, *(line for said in below for line in _wrapped(said))]


def unplaced(rows: Sequence[Row]) -> Iterator[str]:
    """Why some rows have a number for a name, though the modules are known."""
    names = [*dict.fromkeys(row.name for row in rows if row.is_unplaced)]
    if names:
        others = " and others" if names[1:] else ""
        yield (
            f"{names[0]}{others}: met in no module's forward pass, on a kernel that is no "
            "module's parameter, so that the module is not known"
        )


def _wrapped(said: str) -> list[str]:
    return textwrap.wrap(said, _WIDTH, initial_indent="  ", subsequent_indent="    ")


def missed(every: Sequence[Seen]) -> Iterator[str]:
    """What may be missed, with which probability at most, and what is assumed for that.

    Args:
        every: quantity of a certificate.
    """
    if any(seen.judged for seen in every):
        yield (
            "missed in place: several errors at one pixel or tap, if they cancel where the answers "
            "there are added up with random signs; the probability is at most "
            f"{_percent(_OF_SIGNS)} in one call, and each call draws new signs"
        )
    exact = [seen.miss_bound for seen in every if seen.replayed == Verdict.EXACT]
    bounds = [bound for bound in exact if bound is not None]
    if bounds:
        yield (
            f"missed over integers: an error, with probability at most {_percent(max(bounds))}, if "
            "what ran is linear in each of its operands, as a convolution is; an error that shows "
            "on other numbers alone is not met there"
        )
    if exact[len(bounds) :]:
        some = (
            f"for {len(exact) - len(bounds):,} of {counted(len(exact), 'answer')} "
            if bounds
            else ""
        )
        yield (
            f"over integers no probability is known {some}of what is missed: their batch is empty, "
            "or their dtype holds too few integers"
        )


def _percent(probability: float) -> str:
    """Rounded up, for it is a bound."""
    return f"{math.ceil(100 * probability)} %"


_WIDTH = 96  # of a line under the table
SCOPE = (
    "judged is what torch's convolution was given and what it answered; not whether that was the "
    "layer's own kernel, nor what hooks or a forward pass do around it"
)
_OF_SIGNS = 0.75  # a bilinear form in ±1 that is not zero, by Schwartz and Zippel


def _cell(seen: Seen | None) -> str:
    if seen is None:
        return "-"
    place = (
        "-" if seen.in_place == Verdict.UNSUPPORTED else f"{seen.in_place.value} <{_brief(seen)}"
    )
    return place if seen.replayed == Verdict.UNSUPPORTED else f"{place} / {_replayed(seen)}"


def _brief(seen: Seen) -> str:
    if seen.limit in {0, math.inf}:
        return "∞" if seen.limit else "0"
    return f"{seen.limit:.2f}" if _SMALL <= seen.limit < _LARGE else f"{seen.limit:.1e}"


_SMALL, _LARGE = 0.01, 100  # outside of which a limit is written with an exponent


def _replayed(seen: Seen) -> str:
    """Over integers; where not exact, with the bits that are right."""
    bits = "" if seen.replayed != Verdict.ROUNDED else f" {seen.bits_replayed:.1f} bits"
    return seen.replayed.value + bits
