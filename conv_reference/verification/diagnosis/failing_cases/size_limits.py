"""Between which sizes a case fails: each is moved up and down alone, and the target run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from conv_reference.verification.diagnosis.failing_cases.moved_sizes import (
    Dial,
    comparable,
    dials,
    moved_to,
)
from conv_reference.verification.diagnosis.failing_cases.neighbours import Neighbours
from conv_reference.verification.model.case import Case

_FAR = {"n", "c", "o", "c/g", "o/g", "oh", "ow"}  # sizes that may have a limit far above
_NEAR = (3, 4, 8, 16, 32, 64, 128)  # further steps upward, to distinguish a limit from a remainder
_MODULI = (2, 4, 8, 16, 32, 64, 128)
_FEWEST = 3  # inputs with which it fails, before a remainder is said to be common to them
ALONG = "ksdopr"  # the first letters of the sizes along an axis, with which the input's moves
_LARGE = 64  # a size that may stand for a number of elements


@dataclass(frozen=True)
class Limit:
    """Between which values of a size, or of a product of sizes, a case fails.

    >>> print(Limit("n", least=5, most=7), Limit("o", modulus=4, remainder=3), sep="; ")
    5 ≤ n ≤ 7; o % 4 = 3
    """

    size: str
    least: int | None = None
    most: int | None = None
    modulus: int = 0  # where it fails at each so many alone, with this remainder
    remainder: int = 0
    needed: bool = False  # whether a smaller one passes

    def __str__(self) -> str:
        least, most = self.least, self.most
        if self.size in {"rh", "rw"} and (least, most) in {(1, None), (0, 0)}:
            return f"the stride leaves {'no' if most == 0 else 'a'} remainder in {self.size[1]}"
        if self.modulus:
            return f"{self.size} % {self.modulus} = {self.remainder}"
        if most is None:
            return f"{self.size} ≥ {least}"
        if least == most:
            return f"{self.size} = {most}"
        return f"{self.size} ≤ {most}" if least is None else f"{least} ≤ {self.size} ≤ {most}"


def lowered(case: Case, asked: Neighbours) -> Case:
    """The case with each size as low as it fails: a check with sizes of its own stops above."""
    for dial in dials(case.geometry):
        value = dial.get(case.geometry)
        below = moved_to(case, dial, value - 1)
        if below is None or not asked.fails([below]).get(below, False):
            continue
        # At each step it fails at the high one, and is not known to fail at the low one.
        low, high = dial.least - 1, value - 1
        while high - low > 1:
            middle = (low + high) // 2
            tried = moved_to(case, dial, middle)
            fails = tried is not None and asked.fails([tried]).get(tried, False)
            low, high = (low, middle) if fails else (middle, high)
        case = moved_to(case, dial, high) or case
    return case


def limits(case: Case, asked: Neighbours) -> tuple[list[str], list[str]]:
    """The sentence about sizes that have to be so large, and those that may not be larger."""
    sizes = [*dials(case.geometry)]
    seen = _seen(case, sizes, (-1, 1, 2), (), asked)
    for name, further in _seen(case, sizes, (), ((16, 1),), asked, only=_FAR).items():
        seen[name] |= further
    limited = [dial for dial in sizes if not all(seen[dial.name].values())]
    for name, further in _seen(case, limited, _NEAR, ((2, 0), (2, 1), (4, 0)), asked).items():
        seen[name] |= further
    for dial in limited:
        _close(case, dial, seen[dial.name], asked)
    limited = [dial for dial in limited if not _is_hidden(case, dial, sizes, asked)]
    of_input = {letter: of for letter in "hw" if (of := remainder_of_input(case, letter, seen))}
    limited, apart = (
        [dial for dial in dials_of if dial.name[0] not in ALONG or dial.name[1:] not in of_input]
        for dials_of in (limited, sizes)
    )
    related, covered = _relations(case, apart, seen, asked)
    related += of_input.values()
    found = [
        limit
        for dial in limited
        if dial.name not in covered
        and (limit := between(dial.name, dial.get(case.geometry), seen[dial.name]))
    ]
    if any(limit.modulus and limit.size in {"c", "o"} for limit in found):
        found = [limit for limit in found if limit.size != "g"]  # groups take channels along
    by_name = {dial.name: dial for dial in sizes}
    large = (limit for limit in found if limit.needed)
    needed = [_as_product(case, by_name[limit.size], limit, sizes, asked) for limit in large]
    small = [limit for limit in found if not limit.needed]
    return [*related, *map(str, needed)], [*map(str, small)]


def _as_product(
    case: Case, dial: Dial, limit: Limit, sizes: Iterable[Dial], asked: Neighbours
) -> Limit:
    """Of the sizes whose product has to be so large: half of one and twice another does as well."""
    at = dial.get(case.geometry)
    if at < _LARGE or limit.most is not None or limit.modulus:
        return limit
    half = moved_to(case, dial, -(-at // 2))
    others = [each for each in sizes if each.name in _FAR and each.get(case.geometry) == 1]
    doubled = {each.name: half and moved_to(half, each, 2) for each in others}
    fails = asked.fails(each for each in doubled.values() if each)
    alike = {name for name, each in doubled.items() if each and fails.get(each, False)}
    factors = (each.name for each in sizes if each.name in {dial.name, *alike})
    return replace(limit, size="·".join(factors))


def _seen(
    case: Case,
    sizes: Iterable[Dial],
    steps: Iterable[int],
    multiples: Iterable[tuple[int, int]],
    asked: Neighbours,
    only: Collection[str] = (),
) -> dict[str, dict[int, bool]]:
    """By size, the values to which it is moved alone, and whether the case fails there."""
    moved: dict[str, dict[int, Case]] = {}
    for dial in sizes:
        if only and dial.name not in only:
            continue
        at = dial.get(case.geometry)
        values = {at + step for step in steps} | {by * at + more for by, more in multiples}
        cases = {value: moved_to(case, dial, value) for value in sorted(values - {at})}
        moved[dial.name] = {value: each for value, each in cases.items() if each is not None}
    fails = asked.fails(each for cases in moved.values() for each in cases.values())
    return {
        name: {value: fails[each] for value, each in cases.items() if each in fails}
        for name, cases in moved.items()
    }


def _is_hidden(case: Case, dial: Dial, sizes: Iterable[Dial], asked: Neighbours) -> bool:
    """Whether padding where there was none hides a fault: of outputs that see nothing else.

    With a kernel that is wider than its padding it is seen again.
    """
    if dial.name not in {"ph", "pw"} or dial.get(case.geometry) > 0:
        return False
    kernel = next(each for each in sizes if each.name == dial.name.replace("p", "k"))
    wide = moved_to(case, kernel, max(3, kernel.get(case.geometry)))
    padded = None if wide is None else moved_to(wide, dial, 1)
    return padded is not None and asked.fails([padded]).get(padded, False)


def _close(case: Case, dial: Dial, seen: dict[int, bool], asked: Neighbours) -> None:
    """Ask between the largest value that fails and the smallest above that passes."""
    low = max((value for value, failed in seen.items() if failed), default=0)
    high = min((value for value, failed in seen.items() if not failed and value > low), default=0)
    while high - low > 1 and low > dial.get(case.geometry):
        middle = (low + high) // 2
        tried = moved_to(case, dial, middle)
        answers = {} if tried is None else asked.fails([tried])
        if tried not in answers:
            return
        seen[middle] = answers[tried]
        low, high = (middle, high) if seen[middle] else (low, middle)


def between(name: str, at: int, fails: Mapping[int, bool]) -> Limit | None:
    """The values at which it fails, of those that were tried; None where no limit is seen.

    More padding makes outputs that see nothing else, and may hide what is wrong.

    >>> print(between("n", 5, {4: False, 6: True, 7: True, 8: False, 10: False}))
    5 ≤ n ≤ 7
    >>> print(between("o", 3, {2: False, 4: False, 5: True, 6: False, 7: True, 12: False}))
    o % 2 = 1
    >>> print(between("sw", 1, {2: True, 4: True}))
    None
    """
    above = {value: failed for value, failed in fails.items() if value > at}
    needed = fails.get(at - 1) is False
    lower = Limit(name, least=at, needed=True) if needed else None
    if all(above.values()):
        return lower
    if name in {"ph", "pw"}:
        return Limit(name, least=0, most=0) if at == 0 and not any(above.values()) else lower
    failing = {at, *(value for value, failed in above.items() if failed)}
    for modulus in _MODULI:
        alike = {value for value in above if value % modulus == at % modulus}
        if len(alike) > 1 and alike | {at} == failing:
            return Limit(name, modulus=modulus, remainder=at % modulus, needed=needed)
    last = min(value for value, failed in above.items() if not failed) - 1
    if max(failing) != last:  # it comes and goes, or what lies between was not answered
        return None
    least = at if needed or last == at else None
    return Limit(name, least=least, most=last, needed=needed)


def remainder_of_input(case: Case, letter: str, seen: Mapping[str, Mapping[int, bool]]) -> str:
    """What all inputs have along an axis with which it fails, and none with which it passes.

    The input's size moves with the kernel's, the stride's and the output's: where it counts alone,
    as in a transform that loses the last column of an odd number, each of these seems to.

    Args:
        case: the smallest.
        letter: of the axis.
        seen: the values of the sizes that were moved, and whether it fails there.
    """
    along = {dial.name: dial for dial in dials(case.geometry) if dial.name in _names(letter)}
    moved = [(moved_to(case, along[name], at), f) for name in along for at, f in seen[name].items()]
    tried = [(case, True), *((each, failed) for each, failed in moved if each is not None)]
    for name, padded in ((letter, 0), (f"{letter} + 2·p{letter}", 1)):
        sizes = [(_input(each, letter, padded), failed) for each, failed in tried]
        failing = {size for size, failed in sizes if failed}
        passing = {size for size, failed in sizes if not failed}
        if len(failing) < _FEWEST or len(passing) < 2:
            continue
        for modulus in _MODULI:
            left = {size % modulus for size in failing}
            if len(left) == 1 and not left & {size % modulus for size in passing}:
                said = f"({name})" if padded else name
                return f"{said} % {modulus} = {left.pop()}"
    return ""


def _names(letter: str) -> set[str]:
    return {f"{size}{letter}" for size in ALONG}


def _input(case: Case, letter: str, padded: int) -> int:
    axis = "hw".index(letter)
    return case.geometry.input_size[axis] + padded * sum(case.geometry.padding[axis])


def _relations(
    case: Case, sizes: Sequence[Dial], seen: Mapping[str, Mapping[int, bool]], asked: Neighbours
) -> tuple[list[str], set[str]]:
    """Sizes that may grow together alone: what holds between them; and their names."""
    by_name = {dial.name: dial for dial in sizes}
    said, covered = list[str](), set[str]()
    for first, second in comparable(by_name):
        if {first, second} & covered:
            continue
        a, b = by_name[first], by_name[second]
        low, high = a.get(case.geometry), b.get(case.geometry)
        if not (seen[first].get(low + 1) is False and seen[second].get(high - 1) is False):
            continue
        apart = high - low
        further = seen[second].get(high + 1)
        if apart < 0 or further is None or (apart > 0 and not further):
            continue
        both = [_both(case, a, b, step) for step in (1, 2)]
        together = asked.fails(each for each in both if each is not None)
        if len(together) == len(both) and all(together.values()):
            said.append(
                _related(first, second, apart, further=further, either=_either(case, a, b, asked))
            )
            covered |= {first, second}
    return said, covered


def _related(first: str, second: str, apart: int, *, further: bool, either: bool) -> str:
    """What holds between two sizes.

    Args:
        first: the name of one.
        second: of the other, which is not smaller.
        apart: by how much it is larger.
        further: whether it also fails where it is larger by one more.
        either: whether it also fails where the two are exchanged.
    """
    if apart == 0:
        return f"{second} ≥ {first}" if further else f"{first} = {second}"
    if apart > 1:
        return f"{second} ≥ {first} + {apart}"
    return f"{first} ≠ {second}" if either else f"{second} > {first}"


def _either(case: Case, first: Dial, second: Dial, asked: Neighbours) -> bool:
    """Whether it fails where the two sizes are exchanged, too."""
    low, high = first.get(case.geometry), second.get(case.geometry)
    moved = moved_to(case, first, high)
    exchanged = None if moved is None else moved_to(moved, second, low)
    return exchanged is not None and asked.fails([exchanged]).get(exchanged, False)


def _both(case: Case, first: Dial, second: Dial, step: int) -> Case | None:
    moved = moved_to(case, first, first.get(case.geometry) + step)
    return None if moved is None else moved_to(moved, second, second.get(moved.geometry) + step)
