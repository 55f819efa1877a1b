"""Which module a convolution runs in: by hooks around each module's forward pass."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from conv_reference.verification.step.unheard import Unheard

_UNNAMED = "convolution"
_Kernel = tuple[int, tuple[int, ...]]  # where it lies, and its shape


class Names:
    """The path of the module that is at work, for a call at the dispatcher.

    A backward call is named after the forward call with the same input and kernel, or, where the
    input was computed again (checkpointing), after the last one with the same kernel. A copy of a
    kernel in another dtype, as autocast makes one for each pass, counts as that kernel.
    """

    def __init__(self, model: nn.Module | None, unheard: Unheard) -> None:
        self._model, self._unheard = model, unheard
        self._here = threading.local()  # each thread is in a module of its own
        self._handles: list[RemovableHandle] = []
        self._by_operands: dict[tuple[int, _Kernel], str] = {}
        self._by_kernel: dict[_Kernel, str] = {}
        self._copied: dict[_Kernel, _Kernel] = {}
        self._unnamed: dict[_Kernel, str] = {}
        self._owners: dict[_Kernel, str] | None = None  # of the model's parameters, once needed

    def __enter__(self) -> Names:
        compiled: tuple[str, ...] = ()
        for path, module in self._modules():
            if is_compiled(module):
                compiled += (path,)
            # A hook would be compiled, and anew for each certificate.
            if not any(_is_within(path, outer) for outer in compiled):
                self._handles += self._hooked(path or type(module).__name__, module)
        return self

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        return iter(()) if self._model is None else self._model.named_modules()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._here = threading.local()

    @property
    def _stack(self) -> list[str]:
        """The modules whose forward pass is under way in this thread."""
        if not hasattr(self._here, "stack"):
            self._here.stack = []
        found: list[str] = self._here.stack
        return found

    def _hooked(self, path: str, module: nn.Module) -> list[RemovableHandle]:
        def enter(_: nn.Module, __: Any) -> None:
            self._stack.append(path)
            self._unheard.entered(path)

        def leave(module: nn.Module, _: Any, output: Any) -> None:
            if self._stack:
                self._stack.pop()
            self._unheard.left(path, module, output)

        return [
            module.register_forward_pre_hook(enter),
            module.register_forward_hook(leave, always_call=True),
        ]

    def heard(self) -> None:
        """A convolution is carried out in the module that is at work, if one is."""
        if self._stack:
            self._unheard.heard(self._stack[-1])

    def kin(self, operator: str) -> None:
        """An operator is met that carries out a convolution by another name."""
        self._unheard.kin(operator, self._stack[-1] if self._stack else "")

    def copied(self, tensor: Tensor, copy: Tensor) -> None:
        """A tensor was copied into another dtype."""
        self._copied[_place(copy)] = self._origin(tensor)

    def forward(self, input: Tensor, weight: Tensor) -> str:
        """The name of a forward call."""
        kernel = self._origin(weight)
        name = self._stack[-1] if self._stack else self._numbered(kernel)
        self._by_operands[input.data_ptr(), kernel] = name
        self._by_kernel[kernel] = name
        return name

    def backward(self, input: Tensor, weight: Tensor) -> str:
        """The name of a backward call."""
        kernel = self._origin(weight)
        found = self._by_operands.get((input.data_ptr(), kernel)) or self._by_kernel.get(kernel)
        return found or self._numbered(kernel)

    def _origin(self, weight: Tensor) -> _Kernel:
        place = _place(weight)
        return self._copied.get(place, place)

    def is_of_no_module(self, name: str) -> bool:
        """Whether it is the number of a convolution whose module is not known."""
        return name in self._unnamed.values()

    def is_unplaced(self, name: str) -> bool:
        """Whether it is such a number though the modules are known."""
        return self._model is not None and self.is_of_no_module(name)

    def forget(self) -> None:
        """Between two steps: memory is handed out anew."""
        self._by_operands.clear()
        self._by_kernel.clear()
        self._copied.clear()
        self._owners = None

    def _numbered(self, kernel: _Kernel) -> str:
        """Outside of any module: by whose parameter the kernel is; each other has a number."""
        if self._owners is None:
            self._owners = {
                _place(parameter): path or type(module).__name__
                for path, module in self._modules()
                for parameter in module.parameters(recurse=False)
                if parameter.dim() > 2 and _is_plain(parameter)
            }
        if kernel in self._owners:
            return self._owners[kernel]
        return self._unnamed.setdefault(kernel, f"{_UNNAMED} {len(self._unnamed) + 1}")


def is_compiled(module: nn.Module) -> bool:
    """Whether its forward pass is one that torch.compile makes."""
    is_wrapper = type(module).__name__ == "OptimizedModule"
    return is_wrapper or getattr(module, "_compiled_call_impl", None) is not None


def _is_within(path: str, outer: str) -> bool:
    return path == outer or not outer or path.startswith(f"{outer}.")


def _is_plain(parameter: nn.Parameter) -> bool:
    """Whether it lies in memory; a lazy one does not yet."""
    return type(parameter) is nn.Parameter and parameter.layout == torch.strided


def _place(tensor: Tensor) -> _Kernel:
    return tensor.data_ptr(), tuple(tensor.shape)
