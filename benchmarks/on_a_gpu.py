"""The parts of ``benchmarks/on_a_gpu.sh``, each a process of its own with a limit, and their table.

python -m benchmarks.on_a_gpu FOLDER [--device cuda] [--seconds 270] [--small] [--only PART]...
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONV2D = "torch.nn.functional:conv2d"
OURS = "benchmarks.gpu_targets"


@dataclass(frozen=True)
class Part:
    """One process, and how long it may take."""

    name: str
    what: str
    words: tuple[str, ...]  # behind ``python -m``
    seconds: float
    settings: str = ""  # of cuDNN, see ``gpu_targets``
    expected: str = ""  # what is to be found; empty where nothing is
    timed: bool = False  # whether it runs alone, for its times matter


@dataclass
class Running:
    """A part that was begun."""

    part: Part
    process: subprocess.Popen[bytes]
    folder: Path
    begun: float = field(default_factory=time.monotonic)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=270.0, help="for all parts together")
    parser.add_argument("--small", action="store_true", help="few cases, to try the script")
    parser.add_argument("--only", action="append", help="this part alone; may be repeated")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    parts = [
        part
        for part in chosen(given.device, small=given.small)
        if not given.only or any(part.name.startswith(name) for name in given.only)
    ]
    table = Table(given.folder, given.device)
    deadline = time.monotonic() + given.seconds
    with tempfile.TemporaryDirectory() as scratch:
        for group in (
            *([part] for part in parts if part.timed),
            [part for part in parts if not part.timed],
        ):
            together(group, Path(scratch), deadline, table)
    print(table.markdown())


def chosen(device: str, *, small: bool) -> Iterator[Part]:
    """The parts, those first that say most."""
    yield from sound(device, small=small)
    yield from faulty(device)
    yield from costs(device, small=small)


def verify(device: str, target: str, *more: str, number: tuple[str, str]) -> tuple[str, ...]:
    """The words of a run: so many cases, in so many seconds."""
    options = ("--device", device, "--cases", number[0], "--budget", number[1])
    fixed = ("--memory", "none", "--seed", "1")
    return ("conv_reference", "verify", target, *options, *fixed, *more)


def sound(device: str, *, small: bool) -> Iterator[Part]:
    """Torch's own convolutions, in the settings of the device."""
    many = ("150", "15") if small else ("4000", "55")
    few = ("80", "15") if small else ("1000", "30")
    limit = float(many[1]) + 40
    yield Part(
        "verify-default",
        "torch's conv2d as it comes: float64, float16, bfloat16",
        verify(device, CONV2D, *dtypes("float64 float16 bfloat16"), number=many),
        limit,
    )
    yield Part(
        "verify-strict",
        "conv2d in float32, TF32 off",
        verify(device, f"{OURS}:conv2d", *dtypes("float32"), number=many),
        limit,
        settings="allow_tf32=0",
    )
    yield Part(
        "verify-tf32",
        "conv2d in float32 as it comes, with TF32: told from a fault, with its switch",
        verify(device, CONV2D, *dtypes("float32"), number=few),
        limit,
        expected="TF32",
    )
    yield Part(
        "verify-tf32-allowed",
        "conv2d in float32 with TF32, ten bits allowed",
        verify(device, CONV2D, *dtypes("float32"), "--allow-bits", "10", number=few),
        limit,
    )
    yield Part(
        "verify-transposed",
        "conv_transpose2d, TF32 off",
        verify(device, f"{OURS}:conv_transpose2d", *dtypes("float32 bfloat16"), number=few),
        limit,
        settings="allow_tf32=0",
    )
    for settings in ("allow_tf32=0 benchmark=1", "allow_tf32=0 deterministic=1", "enabled=0"):
        yield Part(
            f"verify-{settings.rpartition(' ')[2].partition('=')[0]}",
            f"conv2d with cuDNN's {settings}",
            verify(device, f"{OURS}:conv2d", *dtypes("float32 float16"), number=few),
            limit,
            settings=settings,
        )


def faulty(device: str) -> Iterator[Part]:
    """Planted faults of a device, which must be found."""
    yield Part(
        "fault-lost",
        "planted: an assertion fails on the device, which ends the child as a crash",
        verify(device, f"{OURS}:lost", *dtypes("float32"), number=("60", "30")),
        75,
        settings="allow_tf32=0",
        expected="crashed",
    )
    yield Part(
        "fault-unwritten",
        "planted: a column of dK is never written; the allocator's blocks are dirtied",
        verify(device, f"{OURS}:unwritten", *dtypes("float32"), number=("150", "30")),
        75,
        settings="allow_tf32=0",
        expected="dK",
    )
    yield Part(
        "fault-reduced",
        "planted: dK in bfloat16, with TF32 on: a fault, told from TF32",
        verify(device, f"{OURS}:reduced", *dtypes("float32"), number=("150", "30")),
        75,
        expected="dK",
    )


def costs(device: str, *, small: bool) -> Iterator[Part]:
    """A network's step, and what certificates cost."""
    size = "32" if small else "224"
    yield Part(
        "model",
        "conv-reference model on ResNet-50, bfloat16 under autocast",
        (
            *("conv_reference", "model", "benchmarks.gpu_steps:resnet50"),
            *("--input", f"4x3x{size}x{size}", "--device", device, "--autocast", "bfloat16"),
        ),
        90,
    )
    for name, what, limit in (
        ("combination", "the certificate of a layer over its own forward and backward", 45.0),
        ("certify", "certify around a training step of ResNet-50, over the bare step", 150.0),
    ):
        words = ["benchmarks.gpu_steps", name, "--device", device]
        yield Part(name, what, (*words, *(["--small"] if small else [])), limit, timed=True)


def dtypes(names: str) -> Iterator[str]:
    for name in names.split():
        yield from ("--dtype", name)


def together(parts: Sequence[Part], scratch: Path, deadline: float, table: Table) -> None:
    """Run them side by side, as many as the processor has places for, each to its limit."""
    workers = 4 if (os.cpu_count() or 1) >= 8 else 2
    places = max(1, (os.cpu_count() or 1) // workers)
    waiting, running = list(parts), list[Running]()
    while waiting or running:
        while waiting and len(running) < places and time.monotonic() < deadline:
            running.append(begun(waiting.pop(0), scratch, workers))
        if time.monotonic() >= deadline:
            for part in waiting:
                table.add(part, 0.0, "not reached", {})
            waiting.clear()
        for one in list(running):
            took = time.monotonic() - one.begun
            over = took > one.part.seconds or time.monotonic() > deadline
            if one.process.poll() is None and over:
                end(one.process)
            if one.process.poll() is not None:
                running.remove(one)
                said = f"exit {one.process.returncode}" if not over else "cut"
                table.add(one.part, took, said, found(one))
        time.sleep(0.1)


def begun(part: Part, scratch: Path, workers: int) -> Running:
    folder = scratch / part.name
    folder.mkdir()
    words = [sys.executable, "-m", *part.words]
    if part.words[0] == "conv_reference":
        words += ["--output", str(folder / "report.json"), "--quiet"]
        words += ["--output", str(folder / "report.txt")] if "verify" in part.words else []
        words += ["--workers", str(workers)] if "verify" in part.words else []
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "CUDNN": part.settings, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
    return Running(part, process, folder)


def end(process: subprocess.Popen[bytes]) -> None:
    """First it may say what it has; then it is ended."""
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(12)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def found(one: Running) -> dict[str, Any]:
    """What a part has left: a report, its lines of JSON, or the end of what it said."""
    said = (one.folder / "out").read_text(errors="replace")
    lines = [json.loads(line) for line in said.splitlines() if line.startswith('{"')]
    report, text = one.folder / "report.json", one.folder / "report.txt"
    try:
        read = json.loads(report.read_text()) if report.exists() else {}
    except ValueError:
        read = {}
    shown = text.read_text(errors="replace") if text.exists() else ""
    return {"report": read, "lines": lines, "text": shown[:60_000], "said": said[-3000:]}


class Table:
    """What was found, written anew with each part that ends."""

    def __init__(self, folder: Path, device: str) -> None:
        self._folder, self._device = folder, device
        self._parts: list[dict[str, Any]] = []

    def add(self, part: Part, seconds: float, ended: str, left: Mapping[str, Any]) -> None:
        """A part has ended."""
        summary = summarised(left.get("report") or {}, left.get("lines") or ())
        entry = {
            "part": part.name,
            "what": part.what,
            "cudnn": part.settings,
            "seconds": round(seconds, 1),
            "ended": ended,
            "expected": part.expected,
            "as_expected": is_as_expected(part, ended, left),
            **summary,
        }
        self._parts.append({**entry, **left})
        print(json.dumps(entry), flush=True)
        (self._folder / "gpu.json").write_text(json.dumps(self._parts, indent=1))
        (self._folder / "gpu.md").write_text(self.markdown())

    def markdown(self) -> str:
        """All that is known so far."""
        return "\n".join((*self._head(), *self._rows(), *self._measured(), *self._texts()))

    def _head(self) -> Iterator[str]:
        reports = [p["report"] for p in self._parts if p.get("report")]
        environment = reports[0].get("environment", {}) if reports else {}
        yield f"# What runs on {environment.get('gpu', self._device)}"
        yield ""
        yield ", ".join(f"{key} {value}" for key, value in environment.items())
        yield ""

    def _rows(self) -> Iterator[str]:
        yield "| part | what | s | ended | as expected | verdict | judged | findings |"
        yield "|---|---|---|---|---|---|---|---|"
        for p in self._parts:
            yield (
                f"| {p['part']} | {p['what']} | {p['seconds']} | {p['ended']} | "
                f"{'yes' if p['as_expected'] else '**no**'} | {p.get('verdict', '')} | "
                f"{p.get('judged', '')} of {p.get('planned', '')} | {p.get('findings', '')} |"
            )

    def _measured(self) -> Iterator[str]:
        for p in self._parts:
            lines = [line for line in p.get("lines", ()) if "row" in line]
            if not lines:
                continue
            names = list(dict.fromkeys(name for line in lines for name in line))
            yield f"\n## {p['part']}: {p['what']}\n"
            yield f"| {' | '.join(names)} |"
            yield "|---" * len(names) + "|"
            for line in lines:
                yield f"| {' | '.join(str(line.get(name, '')) for name in names)} |"

    def _texts(self) -> Iterator[str]:
        for p in self._parts:
            if p.get("text") or not p["as_expected"]:
                shown = p.get("text") or p.get("said", "")
                yield f"\n## {p['part']}\n\n```\n{shown[:6000]}\n```"


def summarised(report: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if not report:
        return {"lines_of_figures": len(lines)} if lines else {}
    findings = report.get("findings", [])
    return {
        "verdict": report.get("verdict"),
        "judged": report.get("judged"),
        "planned": report.get("planned"),
        "unjudged": len(report.get("unjudged", [])),
        "findings": "; ".join(_short(finding) for finding in findings[:6])
        + (f"; and {len(findings) - 6} more" if len(findings) > 6 else ""),
    }


def _short(finding: Mapping[str, Any]) -> str:
    first = str(finding.get("explanation", "")).partition("\n")[0]
    return (
        f"{finding.get('verdict')} {finding.get('check')} {finding.get('quantity')} "
        f"{finding.get('dtype')} {finding.get('geometry')}: {first[:120]}"
    ).replace("|", "/")


def is_as_expected(part: Part, ended: str, left: Mapping[str, Any]) -> bool:
    """Nothing was found, or what was planted was."""
    findings = (left.get("report") or {}).get("findings", [])
    own = [finding for finding in findings if not finding.get("known")]
    if not part.expected:
        return ended == "exit 0" and not own
    texts = (f"{f.get('explanation')} {f.get('quantity')} {f.get('verdict')}" for f in own)
    return any(part.expected in text for text in texts)


if __name__ == "__main__":
    main()
