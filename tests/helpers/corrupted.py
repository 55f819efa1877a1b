"""Hardware, driver or library that now and then answers wrongly, below everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

Change = Callable[[str, int, tuple[Any, ...], Any], None]


class Corrupted(TorchDispatchMode):
    """Lets everything pass, and each convolution's answer be changed."""

    def __init__(self, change: Change) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch gives it no types
        self._change, self._calls = change, 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:  # called by torch
        answered = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in {"convolution", "convolution_backward"}:
            self._change(name, self._calls, args, answered)
            self._calls += 1
        return answered


@contextmanager
def corrupted(change: Change) -> Iterator[None]:
    with Corrupted(change):
        yield
