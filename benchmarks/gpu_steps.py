"""What certificates cost on a device: a layer's, and a training step's. A line of JSON for each.

python -m benchmarks.gpu_steps combination|certify [--device cuda] [--small]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from benchmarks.combination import FORMATS, LAYERS, measured
from conv_reference.geometry import Geometry
from conv_reference.verification import certify


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("combination", "certify"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    made = layers if given.part == "combination" else steps
    for row in made(torch.device(given.device), small=given.small):
        print(json.dumps(row), flush=True)


def attempted(row: str, make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """A row; where it fails, why."""
    try:
        return {"row": row, **make()}
    except Exception as error:  # the others are to come all the same
        traceback.print_exc()
        return {"row": row, "error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}


def seconds(function: Callable[[], object], device: torch.device, rounds: int = 5) -> float:
    """The median of a few calls, after one that does not count, each waited for."""

    def waited() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    function()
    times = []
    for _ in range(rounds):
        waited()
        begun = time.perf_counter()
        function()
        waited()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def layers(device: torch.device, *, small: bool) -> Iterator[dict[str, Any]]:
    for text in LAYERS[-1:] if small else LAYERS:
        for tf32 in (False, True) if device.type == "cuda" else (False,):
            torch.backends.cudnn.allow_tf32 = tf32
            for layout in FORMATS:
                name = f"{text} {str(layout).removeprefix('torch.')}{' TF32' if tf32 else ''}"
                yield attempted(name, lambda: ratio(Geometry.parse(text), layout, device))  # noqa: B023 (called at once)


def ratio(
    geometry: Geometry, layout: torch.memory_format, device: torch.device
) -> Mapping[str, Any]:
    """Of the certificate's time to the layer's own; integers of at most 2."""
    layer, certified = measured(geometry, layout, device)
    own = seconds(layer, device)
    holds = certified()
    took = seconds(certified, device)
    return {
        "holds": holds,
        "layer ms": round(own * 1e3, 3),
        "certificate ms": round(took * 1e3, 3),
        "ratio": round(took / own, 2),
    }


def resnet50() -> nn.Module:
    """ResNet-50 with random weights: transformers', or torchvision's."""
    try:
        from transformers import ResNetConfig, ResNetForImageClassification  # noqa: PLC0415 (may be absent)

        made: nn.Module = ResNetForImageClassification(ResNetConfig())
    except ImportError:
        import torchvision  # type: ignore[import-not-found]  # noqa: PLC0415 (in its place)

        made = torchvision.models.resnet50()
    return made


@dataclass(frozen=True)
class Setting:
    """How the step is computed."""

    name: str
    tf32: bool = False
    autocast: torch.dtype | None = None
    channels_last: bool = False
    allowed_bits: int | None = None


SETTINGS = (
    Setting("float32, TF32 off"),
    Setting("float32 with TF32, ten bits allowed", tf32=True, allowed_bits=10),
    Setting("bfloat16 autocast", tf32=True, autocast=torch.bfloat16),
    Setting("bfloat16 autocast, channels_last", True, torch.bfloat16, True),
    Setting("float32, TF32 off, channels_last", channels_last=True),
    Setting("float32 with TF32", tf32=True),
    Setting("TF32, channels_last, ten bits allowed", True, None, True, 10),
    Setting("float16 autocast", tf32=True, autocast=torch.float16),
)


def steps(device: torch.device, *, small: bool) -> Iterator[dict[str, Any]]:
    batch, size = (2, 32) if small else (32, 224)
    for number, setting in enumerate(SETTINGS[:2] if small else SETTINGS):
        yield attempted(setting.name, lambda: costs(setting, device, batch, size))  # noqa: B023 (called at once)
        if number == 1 and not small:
            yield attempted("100 steps, every=100, TF32", lambda: hundred(device, 64, size))


def prepared(
    setting: Setting, device: torch.device, batch: int, size: int
) -> tuple[nn.Module, Callable[[], None]]:
    """The network, and its training step."""
    torch.backends.cudnn.allow_tf32 = setting.tf32
    torch.manual_seed(0)
    layout = torch.channels_last if setting.channels_last else torch.contiguous_format
    model = resnet50().to(device).train()
    model.to(memory_format=layout)  # type: ignore[call-overload]  # it takes it
    images = torch.randn(batch, 3, size, size, device=device).contiguous(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    low = setting.autocast

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, low or torch.bfloat16, enabled=low is not None):
            found = model(images)
            loss = getattr(found, "logits", found).float().square().mean()
        loss.backward()
        optimizer.step()

    return model, step


def costs(setting: Setting, device: torch.device, batch: int, size: int) -> Mapping[str, Any]:
    model, step = prepared(setting, device, batch, size)
    bare = seconds(step, device)

    def judged(*, replayed: bool) -> Any:
        with certify(model, replayed=replayed, allowed_bits=setting.allowed_bits) as certificate:
            step()
        return certificate

    begun = time.perf_counter()
    certificate = judged(replayed=True)
    replayed = time.perf_counter() - begun
    in_place = seconds(lambda: judged(replayed=False), device, 2)
    wrong = [
        f"{row.name} {name}: {seen.finding}"
        for row in certificate.rows
        for name, seen in row.quantities.items()
        if seen.finding
    ]
    verdicts = [seen.replayed.value for row in certificate.rows for seen in row.quantities.values()]
    limits = [seen.limit for row in certificate.rows for seen in row.quantities.values()]
    return {
        "batch": batch,
        "verdict": certificate.verdict.value,
        "convolutions": len(certificate.rows),
        "over integers": ", ".join(f"{verdicts.count(v)} {v}" for v in sorted({*verdicts})),
        "wrong": len(wrong),
        "first": wrong[0].replace("|", "/") if wrong else "",
        "of TF32": sum("TF32" in text for text in wrong),
        "median limit": f"{statistics.median(limits):.0e}" if limits else "",
        "bare s": round(bare, 4),
        "every=1": round(in_place / bare, 2),
        "first step, replayed": round(replayed / bare, 1),
        "every=100, by these": round(1 + (in_place / bare - 1) / 100, 3),
    }


def hundred(device: torch.device, batch: int, size: int) -> Mapping[str, Any]:
    """A hundred steps bare and with one of them judged, each twice in turn."""
    model, step = prepared(Setting("", tf32=True), device, batch, size)

    def run() -> None:
        for _ in range(100):
            step()

    def listened() -> None:
        with certify(model, every=100, replayed=False, allowed_bits=10):
            run()

    step()
    bare = seconds(run, device, 1)
    took = seconds(listened, device, 1)
    return {"batch": batch, "bare s": round(bare, 2), "every=100": round(took / bare, 3)}


if __name__ == "__main__":
    main()
