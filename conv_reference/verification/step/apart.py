"""The judge's work, kept apart from the step that it judges: its arithmetic, and its errors."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from conv_reference.verification import accelerator
from conv_reference.verification.model.printable import MOST_SHOWN, one_line
from conv_reference.verification.step.dispatched import NotJudged
from conv_reference.verification.target.answers import message_of, type_name

_here = threading.local()


@contextmanager
def sparing(not_judged: Counter[str], what: str) -> Iterator[None]:
    """Whatever is raised within is listed as not judged, and never reaches the step.

    Args:
        not_judged: where it is counted.
        what: is judged within.
    """
    try:
        yield
    except NotJudged as reason:
        not_judged[f"{what}: {reason}"] += 1
    except Exception as error:
        said = one_line(f"{type_name(error)}: {message_of(error, MOST_SHOWN)}")
        not_judged[f"{what}: certify itself failed with {said}"] += 1


def is_judging() -> bool:
    """Whether a judge is at work in this thread: what it computes is no part of the step."""
    return getattr(_here, "judging", False)


@contextmanager
def undisturbed(device: torch.device) -> Iterator[None]:
    """The judge's own arithmetic: no graph, no autocast, and float32 products in full precision.

    Args:
        device: on which it is carried out.
    """
    has_autocast = torch.amp.is_autocast_available(device.type)
    outer, _here.judging = is_judging(), True
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            # A default device is a mode of functions.
            stack.enter_context(torch._C.DisableTorchFunction())  # noqa: SLF001 (nothing public)
            if has_autocast:
                stack.enter_context(torch.autocast(device.type, enabled=False))
            stack.enter_context(accelerator.in_full_precision())
            yield
    finally:
        _here.judging = outer


def modes_entered() -> int:
    """How many dispatch modes of Python's this thread is in."""
    return torch._C._len_torch_dispatch_stack()  # noqa: SLF001 (there is no public one)


def recorded() -> str:
    """By what a call is recorded rather than carried out for its numbers; empty where by nothing.

    What the judge computes would be recorded as well.
    """
    key = torch._C._TorchDispatchModeKey  # noqa: SLF001 (there is no public one)
    recording = (key.PROXY, key.FUNCTIONAL, key.FAKE)
    entered = torch._C._get_dispatch_mode  # noqa: SLF001 (as above)
    if any(entered(mode) is not None for mode in recording):
        return "while torch records a graph"
    is_captured = torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()
    return "while a CUDA graph is captured" if is_captured else ""
