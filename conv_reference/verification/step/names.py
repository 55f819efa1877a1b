"""Which module a convolution runs in: by hooks around each module's forward pass."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

_UNNAMED = "convolution"


class Names:
    """The path of the module that is at work, for a call at the dispatcher.

    A backward call is named after the forward call with the same input and kernel, or, where the
    input was computed again (checkpointing), after the last one with the same kernel.
    """

    def __init__(self, model: nn.Module | None) -> None:
        self._model = model
        self._stack: list[str] = []
        self._handles: list[RemovableHandle] = []
        self._by_operands: dict[tuple[int, int], str] = {}
        self._by_kernel: dict[int, str] = {}
        self._unnamed: dict[tuple[int, ...], str] = {}

    def __enter__(self) -> Names:
        if self._model is not None:
            for path, module in self._model.named_modules():
                self._handles += self._hooked(path, module)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._stack.clear()

    def _hooked(self, path: str, module: nn.Module) -> list[RemovableHandle]:
        def enter(_: nn.Module, __: Any) -> None:
            self._stack.append(path)

        def leave(_: nn.Module, __: Any, ___: Any) -> None:
            if self._stack:
                self._stack.pop()

        return [
            module.register_forward_pre_hook(enter),
            module.register_forward_hook(leave, always_call=True),
        ]

    def forward(self, input: Tensor, weight: Tensor) -> str:
        """The name of a forward call."""
        name = self._stack[-1] if self._stack else self._numbered(weight)
        self._by_operands[input.data_ptr(), weight.data_ptr()] = name
        self._by_kernel[weight.data_ptr()] = name
        return name

    def backward(self, input: Tensor, weight: Tensor) -> str:
        """The name of a backward call."""
        place = weight.data_ptr()
        found = self._by_operands.get((input.data_ptr(), place)) or self._by_kernel.get(place)
        return found or self._numbered(weight)

    def forget(self) -> None:
        """Between two steps: memory is handed out anew."""
        self._by_operands.clear()
        self._by_kernel.clear()

    def _numbered(self, weight: Tensor) -> str:
        """Outside of any module, each kernel has a number."""
        key = (weight.data_ptr(), *weight.shape)
        return self._unnamed.setdefault(key, f"{_UNNAMED} {len(self._unnamed) + 1}")
