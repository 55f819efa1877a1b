"""A training step of a whole network, certified: what ``conv-reference model`` runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.step.certificate import Certificate
from conv_reference.verification.step.certify import certify


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a network is put to the test."""

    inputs: tuple[tuple[int, ...], ...]  # the shapes of its arguments, drawn from a normal one
    dtype: torch.dtype = torch.float32
    device: str = "cpu"
    steps: int = 1
    autocast: torch.dtype | None = None
    channels_last: bool = False
    replayed: bool = True
    allowed_bits: int | None = None
    seed: int = 0


def built(made: Any, name: str) -> nn.Module:
    """A network: a module, or what a class or function without arguments makes.

    Args:
        made: what the name leads to.
        name: as it was given, for the message.

    Raises:
        TargetError: when it is none.
    """
    try:
        model = made if isinstance(made, nn.Module) else made()
    except Exception as error:
        raise TargetError(f"{name!r} cannot be built without arguments: {error}") from error
    if not isinstance(model, nn.Module):
        raise TargetError(f"{name!r} must be, or make, an nn.Module, got {type(model).__name__}")
    return model


def certified(model: nn.Module, asked: Asked) -> Certificate:
    """Training steps of the network, each of its convolutions judged.

    The loss is the mean square of whatever floating tensors the network hands back.

    Args:
        model: in training mode from here on, on the device and in the dtype asked for.
        asked: see there.

    Raises:
        TargetError: when the network throws on such inputs, or hands back nothing floating.
    """
    model.to(asked.device, asked.dtype).train()
    if asked.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # it takes it
    images = [_drawn(shape, asked, place) for place, shape in enumerate(asked.inputs)]
    judged = certify(
        model, replayed=asked.replayed, allowed_bits=asked.allowed_bits, seed=asked.seed
    )
    with judged as certificate:
        for _ in range(asked.steps):
            model.zero_grad(set_to_none=True)
            _step(model, images, asked)
    return certificate


def _drawn(shape: tuple[int, ...], asked: Asked, place: int) -> Tensor:
    generator = torch.Generator().manual_seed(asked.seed + place)
    image = torch.randn(shape, generator=generator).to(asked.device, asked.dtype)
    is_planar = asked.channels_last and image.dim() == 4
    return image.contiguous(memory_format=torch.channels_last) if is_planar else image


def _step(model: nn.Module, images: list[Tensor], asked: Asked) -> None:
    with ExitStack() as stack:
        if asked.autocast is not None:
            kind = torch.device(asked.device).type
            stack.enter_context(torch.autocast(kind, dtype=asked.autocast))
        try:
            outputs = [*_floating(model(*images))]
        except Exception as error:
            shapes = ", ".join("x".join(map(str, image.shape)) for image in images)
            said = f"{type(error).__name__}: {error}"
            raise TargetError(f"the network throws on --input {shapes}: {said}") from error
        if not outputs:
            raise TargetError("the network hands back no floating tensor that asks for a gradient")
        loss = torch.stack([output.float().square().mean() for output in outputs]).sum()
    loss.backward()


def _floating(output: Any) -> Iterator[Tensor]:
    """The tensors in it that have a gradient, within whatever holds them."""
    if isinstance(output, Tensor):
        if output.is_floating_point() and output.requires_grad:
            yield output
        return
    held: Iterable[Any] = ()
    if isinstance(output, Mapping):  # transformers' outputs are such
        held = output.values()
    elif isinstance(output, list | tuple):
        held = output
    for part in held:
        yield from _floating(part)
