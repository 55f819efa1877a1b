"""What fails one step smaller as another finding does: one fault, met in two ways.

One wrong size or index raises where what is made of it does not fit, gives another shape where it
does, and wrong numbers where even the shape comes out right. So sizes of the smallest case of each
finding are made smaller one at a time, and its axes are exchanged: of two faults neither shows on
the way down from the other's smallest case, which needs nothing of it. Where the other shows there
all the same, whatever mends the smallest case does not mend this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace

from conv_reference.geometry import Geometry
from conv_reference.quantities import QUANTITIES
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.failing_cases.moved_sizes import Dial, dials, moved_to
from conv_reference.verification.diagnosis.failing_cases.reduce import on_its_side
from conv_reference.verification.diagnosis.grouping.follows import meets_a_level_gone
from conv_reference.verification.diagnosis.grouping.kept_state import KEPT
from conv_reference.verification.diagnosis.grouping.larger_images import enlarged
from conv_reference.verification.diagnosis.kinds import Kind, kind_of, row_of
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import FOUND, Finding, Verdict
from conv_reference.verification.plan.possible import in_reach

Found = tuple[Failure, Finding]
_MOST_ASKED = 8  # kinds
_MOST_STEPS = 16  # of one size
_STRIDES_MORE = 3  # by which an image is enlarged
# By the names of sizes, where it is not the first letter.
_OPTION_OF = {"c": "channels", "o": "channels", **dict.fromkeys(("oh", "ow", "rh", "rw"), "image")}
_RIGHT = {Verdict.EXACT, Verdict.ROUNDED}
_Kinds = frozenset[Kind]  # of the failures of one case: none where it is right


def filed_under_what_smaller_sizes_show(found: Sequence[Found], bench: Bench) -> list[Found]:
    """The findings; those of two faults of which one turns into the other are of one.

    Of these, wrong answers come before what raises: they are silent, and show more.

    Args:
        found: the failure on the smallest case, and the finding, in their order.
        bench: with no time left, nothing is run.
    """
    shown: dict[Kind, tuple[int, Failure]] = {}
    for failure, finding in found:
        if _is_of_sizes(failure, finding):
            shown.setdefault(kind_of(failure).in_any_dtype, (finding.fault, failure))
    number = {fault: fault for fault, _ in shown.values()}
    for fault, failure in [*shown.values()][:_MOST_ASKED]:
        others = {
            kind
            for kind, (other, shows) in shown.items()
            if number[other] != number[fault] and _may_be_one(failure, shows)
        }
        for kind in _Tries(failure, others, bench).turned() if others else ():
            one, other = sorted((number[fault], number[shown[kind][0]]))
            number = {each: one if now == other else now for each, now in number.items()}
    filed = [(f, replace(each, fault=number.get(each.fault, each.fault))) for f, each in found]
    joined = {one for fault, one in number.items() if fault != one}
    return _wrong_first(filed, joined)


def _is_of_sizes(failure: Failure, finding: Finding) -> bool:
    """Whether it is a fault of its own that a case of other sizes may show as well."""
    judgement = failure.judgement
    apart = finding.known or finding.follows or finding.cause == KEPT or judgement.setting
    return row_of(judgement).is_first and not (
        apart or judgement.crash or meets_a_level_gone(judgement)
    )


def _wrong_first(found: Sequence[Found], faults: Set[int]) -> list[Found]:
    """With the findings of these faults, where they stand, in the order of how silent they are."""
    moved = [*found]
    for fault in faults:
        places = [n for n, (_, finding) in enumerate(found) if finding.fault == fault]
        those = sorted((found[n] for n in places), key=lambda f: f[1].verdict == Verdict.RAISED)
        for n, each in zip(places, those, strict=True):
            moved[n] = each
    return moved


def _may_be_one(one: Failure, other: Failure) -> bool:
    """Whether both are of the forward pass, or both of the backward pass.

    Two wrong answers are of one quantity; who raises in a backward pass computes any of them.
    """
    quantities = {failure.judgement.quantity_name for failure in (one, other)}
    raises = any(failure.judgement.verdict == Verdict.RAISED for failure in (one, other))
    passes = {"forward" if quantity == "Y" else "backward" for quantity in quantities}
    return quantities <= QUANTITIES.keys() and len(passes if raises else quantities) == 1


@dataclass(frozen=True)
class _Tries:
    """The smallest case of a failure, with other sizes; and what it may turn into."""

    failure: Failure
    others: Set[Kind]
    bench: Bench

    def turned(self) -> set[Kind]:
        """Those that show one step smaller, where what mends the smallest case mends them, too."""
        base = self._on(self.failure.case.geometry)
        if base.geometry.batch == 0 or self._own not in self._kinds([base]).get(base, ()):
            return set()
        steps = [self._reached(step) for step in _steps_down(base)]
        steps += [[self._on(other)] for other in _exchanged(base.geometry)]
        answers = self._kinds(case for step in steps for case in step)
        turned = (
            case
            for step in steps
            for case in self._where_it_turns([(case, answers.get(case)) for case in step])
        )
        return {
            kind
            for case in dict.fromkeys(turned)
            if self._same_mends(base, case)
            for kind in answers[case] & self.others
        }

    def _where_it_turns(self, step: Sequence[tuple[Case, _Kinds | None]]) -> Iterator[Case]:
        """Where the smallest size of all fails otherwise, or the first of those above a limit.

        Args:
            step: cases with ever larger sizes, below that of the smallest case, and how they fail.
        """
        either = [bool(kinds and kinds & {*self.others, self._own}) for _, kinds in step]
        turned = [each and self._own not in (step[n][1] or ()) for n, each in enumerate(either)]
        limit = next((n for n, (_, kinds) in enumerate(step) if kinds != frozenset()), len(step))
        if True in turned and (turned[0] or all(either[limit:])):
            yield step[turned.index(True)][0]

    def _same_mends(self, base: Case, turned: Case) -> bool:
        """Whether each option that mends the failing case when it is plain mends this one, too.

        A small image may come out right by chance: they are tried on a larger one that fails so.
        """
        larger = self._on(enlarged(base.geometry, _STRIDES_MORE))
        if self._own in self._kinds([larger]).get(larger, ()):
            base = larger
        *options, image = _options(base.geometry)
        needed = self._that_mend(base, options) or self._that_mend(base, [image])
        every = [dial for option in (*options, image) for dial in option]
        asked = needed or [every]  # where no option alone mends it
        return len(self._that_mend(turned, asked)) == len(asked)

    def _that_mend(self, case: Case, options: Sequence[Sequence[Dial]]) -> list[Sequence[Dial]]:
        """The options that, made plain, let the case come out right."""
        plain = self._reached(_plain(case, option) for option in options)
        answers = self._kinds(plain)
        return [
            option
            for option, each in zip(options, plain, strict=True)
            if answers.get(each) == frozenset()
        ]

    @property
    def _own(self) -> Kind:
        return kind_of(self.failure).in_any_dtype

    def _on(self, geometry: Geometry) -> Case:
        """On dense numbers, and contiguous: what the memory's layout breaks is another fault."""
        case = self.failure.case.contiguous().on(geometry)
        return in_reach(self.bench.target, replace(case, values=Values.BALANCED))

    def _reached(self, cases: Iterable[Case]) -> list[Case]:
        """The nearest that the target supports: where a word stands for the padding, it follows."""
        return [in_reach(self.bench.target, case) for case in cases]

    def _kinds(self, cases: Iterable[Case]) -> dict[Case, _Kinds]:
        """How each fails; without those that were not judged."""
        found: dict[Case, _Kinds] = {}
        for case, judgements in self.bench.judged_once(cases).items():
            failing = [Failure(case, each) for each in judgements if each.verdict in FOUND]
            if failing or any(each.verdict in _RIGHT for each in judgements):
                found[case] = frozenset(kind_of(failure).in_any_dtype for failure in failing)
        return found


def _steps_down(base: Case) -> Iterator[list[Case]]:
    """For each size the cases in which it alone is smaller, from the smallest on; and some at once.

    With one pixel less there is another remainder, or an output less.
    """
    sizes = [*dials(base.geometry), *_pixels()]
    for dial in sizes:
        values = range(dial.least, min(dial.get(base.geometry), dial.least + _MOST_STEPS))
        cases = (moved_to(base, dial, value) for value in values)
        yield [case for case in cases if case is not None]
    for option in _options(base.geometry):
        case = _plain(base, option)
        yield [case] if case != base else []


def _exchanged(g: Geometry) -> Iterator[Geometry]:
    """Its two axes exchanged, and its channels: who takes one for the other may fail either way."""
    yield on_its_side(g)
    yield replace(g, in_channels=g.out_channels, out_channels=g.in_channels)


def _pixels() -> Iterator[Dial]:
    """The sizes of the image itself."""

    def dial(axis: int) -> Dial:
        def moved(g: Geometry, to: int) -> Geometry:
            size = [*g.input_size]
            size[axis] = to
            return replace(g, input_size=(size[0], size[1]))

        return Dial("hw"[axis], 1, lambda g: g.input_size[axis], moved)

    return map(dial, (0, 1))


def _options(g: Geometry) -> list[list[Dial]]:
    """The sizes that are made plain together; at last, those that make up the image.

    Of both axes, or kinds of channels, at once: the one may stand for the other.
    """
    together: dict[str, list[Dial]] = {}
    for dial in dials(g):
        together.setdefault(_OPTION_OF.get(dial.name.removesuffix("/g"), dial.name[0]), []).append(
            dial
        )
    image = together.pop("image")
    return [*together.values(), image]


def _plain(case: Case, sizes: Iterable[Dial]) -> Case:
    """The case with each of these as small as can be."""
    for dial in sizes:
        case = moved_to(case, dial, dial.least) or case
    return case
