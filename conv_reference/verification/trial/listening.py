"""A mode of torch's dispatcher that listens, and lets everything pass."""

from __future__ import annotations

from torch.utils._python_dispatch import TorchDispatchMode


class Listening(TorchDispatchMode):
    """Torch would load its compiler to switch it off during a call, which takes a second.

    Here nothing is compiled; the hook is torch's own, for modes that need no such care.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False
