"""The table of docs/detection.md, the page of all faults and the picture, as measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from conv_reference.verification.detection.measured import Alarm, Found, Outcome
from conv_reference.verification.detection.table import rendered

OURS = "conv-reference verify"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
OTHERS_BEGIN, OTHERS_END = "<!-- operators: begin -->", "<!-- operators: end -->"
_FIRST = {"Y", "dX", "dK", "db", "X", "G"}


@dataclass(frozen=True)
class Check:
    """What one check found: the seconds after which, of each fault."""

    name: str
    found: dict[str, float]
    spent: float  # seconds for a fault that it does not find, the median
    alarms: list[str]  # sound convolutions that it finds fault with
    asked: int  # sound convolutions


def outcomes(folder: Path, kept_in: str = "faults.json") -> tuple[list[Outcome], list[Alarm]]:
    """What a default run found, as it was kept; by default of conv2d."""
    kept = json.loads((folder / kept_in).read_text("utf-8"))
    faults = [
        Outcome(**{**each, "found": None if each["found"] is None else Found(**each["found"])})
        for each in kept["faults"]
    ]
    return faults, [Alarm(**each) for each in kept["sound"]]


def both(folder: Path) -> tuple[list[Outcome], list[Alarm]]:
    """Of the faults those that the others were put to, too."""
    faults, sound = outcomes(folder)
    put = json.loads((folder / "peers.json").read_text("utf-8"))
    return [each for each in faults if each.name in put], sound


def checks(folder: Path) -> list[Check]:
    """Ours first, then the others' by how much they found."""
    faults, sound = both(folder)
    names = {each.name for each in faults}
    ours = Check(
        OURS,
        {each.name: each.found.seconds for each in faults if each.found is not None},
        median([e.seconds for e in faults if e.found is None] or [0.0]),
        [alarm.name for alarm in sound if alarm.check],
        len(sound),
    )
    peers: dict[str, dict[str, Any]] = json.loads((folder / "peers.json").read_text("utf-8"))
    others = []
    for check in next(iter(peers.values())):
        seen = {name: each[check] for name, each in peers.items()}
        found = {n: seconds for n, (said, seconds) in seen.items() if said and n in names}
        quiet = [seconds for n, (said, seconds) in seen.items() if not said]
        alarms = [n for n, (said, _) in seen.items() if said and n not in names]
        others.append(Check(check, found, median(quiet or [0.0]), alarms, len(seen) - len(names)))
    return [ours, *sorted(others, key=lambda each: -len(each.found))]


def scores(faults: list[Outcome]) -> Iterator[str]:
    """How many a default run finds, of those written blind and of the others."""
    lots = (("written beside the checks", 0), ("the first lot written blind", 1),
            ("the second lot written blind", 2))  # fmt: skip
    yield "| a default run, seed 1 | found | missed |"
    yield "|---|---|---|"
    for words, lot in lots:
        own = [each for each in faults if each.blind == lot]
        missed = ", ".join(f"`{each.name}`" for each in own if each.found is None)
        found = sum(each.found is not None for each in own)
        yield f"| {words} | {found} of {len(own)} | {missed} |"


def table(every: list[Check], faults: list[Outcome]) -> Iterator[str]:
    """One line for each check, and what the others find together."""
    first = {each.name for each in faults if each.quantity in _FIRST}
    head = ("check", "found", "in Y, dX, dK, db", "in all else", "seconds for none", "false alarms")
    yield f"| {' | '.join(head)} |"
    yield "|---|---|---|---|---|---|"
    together = {name for check in every[1:] for name in check.found}
    all_ = [*every, Check("all but ours together", dict.fromkeys(together, 0.0), 0.0, [], 0)]
    for check in all_:
        shares = (len(check.found), len(first & {*check.found}), len({*check.found} - first))
        cells = [check.name, f"{shares[0]} of {len(faults)} ({shares[0] / len(faults):.0%})"]
        cells += [f"{shares[1]} of {len(first)}", f"{shares[2]} of {len(faults) - len(first)}"]
        cells += [f"{check.spent:.1f}" if check.spent else "", _alarmed(check)]
        yield f"| {' | '.join(cells)} |"


def _alarmed(check: Check) -> str:
    if not check.asked:
        return ""
    names = f": {', '.join(check.alarms)}" if check.alarms else ""
    return f"{len(check.alarms)} of {check.asked}{names}"


def sentences(every: list[Check], faults: list[Outcome]) -> Iterator[str]:
    """What the table does not say."""
    ours, *others = every
    missed = [each for each in faults if each.found is None]
    found_by = {name: [c.name for c in others if name in c.found] for name in
                (each.name for each in missed)}  # fmt: skip
    told = [f"`{e.name}` ({e.quantity}; {e.guard})" for e in missed if not found_by[e.name]]
    yield f"Of these {len(faults)} a default run misses {len(missed)}."
    peers = [f"`{name}` by {', '.join(by)}" for name, by in found_by.items() if by]
    if peers:
        yield f"Of these another check finds {len(peers)}: {'; '.join(peers)}."
    if told:
        yield f"Nobody finds {len(told)}: {'; '.join(told)}."
    alone = [each for each in ours.found if not any(each in c.found for c in others)]
    yield f"Of the faults that a default run finds, no other check finds {len(alone)}."


def picture(every: list[Check], count: int, file: Path) -> None:
    """The share found against the processor's seconds for one convolution."""
    import matplotlib as mpl  # noqa: PLC0415 (only where a picture is drawn)
    from matplotlib import pyplot as plt  # noqa: PLC0415 (as above)

    mpl.rcParams.update({"svg.hashsalt": "detection", "svg.fonttype": "none", "font.size": 9})
    figure, axes = plt.subplots(figsize=(7.5, 4.2))
    for check in every:
        times = sorted(max(seconds, 0.005) for seconds in check.found.values())
        shares = [100 * (place + 1) / count for place in range(len(times))]
        wide = 2.5 if check.name == OURS else 1.2
        (line,) = axes.step([*times, 40], [*shares, shares[-1] if shares else 0], where="post",
                            linewidth=wide)  # fmt: skip
        label = f"{check.name} ({shares[-1] if shares else 0:.0f} %)"
        axes.plot([], [], color=line.get_color(), linewidth=wide, label=label)
    axes.set(xscale="log", xlim=(0.005, 40), ylim=(0, 100), ylabel="planted faults found, %",
             xlabel="seconds of the processor's time for one convolution")  # fmt: skip
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.savefig(file, bbox_inches="tight", metadata={"Date": None})


def measured(folder: Path) -> str:
    """What stands on the page between its two marks."""
    faults, _ = both(folder)
    every = checks(folder)
    lines = [*scores(outcomes(folder)[0]), "", *table(every, faults), ""]
    return "\n".join([*lines, "\n\n".join(sentences(every, faults))])


def operators(folder: Path) -> str:
    """What stands on the page of the other operators."""
    faults, _ = outcomes(folder, "operators.json")
    lines = ["| a default run, seed 1 | found | missed |", "|---|---|---|"]
    for operator in dict.fromkeys(each.operator for each in faults):
        own = [each for each in faults if each.operator == operator]
        missed = ", ".join(f"`{each.name}`" for each in own if each.found is None)
        found = sum(each.found is not None for each in own)
        lines.append(f"| {operator} | {found} of {len(own)} | {missed} |")
    return "\n".join(lines)


def in_one_line(folder: Path) -> str:
    """The README's."""
    all_, faults = outcomes(folder)[0], both(folder)[0]
    ours, *others = checks(folder)
    together = {name for check in others for name in check.found}
    best = max(len(check.found) for check in others)
    found = sum(each.found is not None for each in all_)
    of_part = (
        f"of {len(faults)} that were put to ten usual checks, too, it finds {len(ours.found)}, they"
    )
    others_of = "ten usual checks" if len(faults) == len(all_) else of_part
    return (
        f"A default run finds {found} of {len(all_)} planted faults; {others_of}, from gradcheck "
        f"to hypothesis, find {len(together)} together and the best of them {best} "
        "([how that was measured](docs/detection.md))."
    )


def write(folder: Path) -> None:
    """The page between its two marks, the page of all faults, and the picture."""
    page = folder.parent / "detection.md"
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    text = f"{before}{BEGIN}\n\n{measured(folder)}\n\n{END}{after}"
    before, _, rest = text.partition(OTHERS_BEGIN)
    after = rest.partition(OTHERS_END)[2]
    text = f"{before}{OTHERS_BEGIN}\n\n{operators(folder)}\n\n{OTHERS_END}{after}"
    page.write_text(text, "utf-8")
    told = rendered(*outcomes(folder), "markdown")
    (folder / "faults.md").write_text(f"# Every planted fault, seed 1\n\n{told}", "utf-8")
    others = rendered(*outcomes(folder, "operators.json"), "markdown")
    title = "# Every fault planted in another operator than conv2d, seed 1"
    (folder / "operators.md").write_text(f"{title}\n\n{others}", "utf-8")
    picture(checks(folder), len(both(folder)[0]), folder / "share.svg")
    print(in_one_line(folder))
