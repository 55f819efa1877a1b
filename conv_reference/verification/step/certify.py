"""``certify``: every convolution of a training step judged where it runs.

The dispatcher is listened to; the model is neither changed nor copied, and its numbers and random
state are not touched. Each answer is judged in place, on the numbers of the step, against what
rounding explains in its dtype, and once over integers, where a direct algorithm is exact.
"""

from __future__ import annotations

from contextlib import ExitStack
from threading import get_ident
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils._python_dispatch import TorchDispatchMode

from conv_reference.verification.step import dispatched
from conv_reference.verification.step.apart import is_judging, modes_entered
from conv_reference.verification.step.certificate import Certificate
from conv_reference.verification.step.dispatched import NotJudged
from conv_reference.verification.step.judging_calls import Judge
from conv_reference.verification.step.required import require


def certify(
    model: nn.Module | None = None,
    *,
    every: int = 1,
    sample: float = 1.0,
    replayed: bool = True,
    allowed_bits: int | None = None,
    seed: int = 0,
) -> Certifying:
    """Judge the convolutions that run within a ``with`` block.

    Args:
        model: whose modules' names the rows carry; without one they are numbered.
        every: of so many optimizer steps one is judged, the first included; at least 1.
        sample: the share of the calls that are judged, above 0, at most 1.
        replayed: whether each kind of call is repeated over integers.
        allowed_bits: the precision that is allowed in place of the dtype's, as of TF32 (10), 1..53.
        seed: of the weights of the combinations, of the integers and of the sample; 0..2**62.

    Nothing that goes wrong in judging reaches the block: it is listed as not judged.

    Raises:
        TypeError: when an argument is of another type.
        ValueError: when one is outside its range.
    """
    require(
        model,
        every=every,
        sample=sample,
        replayed=replayed,
        allowed_bits=allowed_bits,
        seed=seed,
    )
    judge = Judge(
        sample=float(sample),
        replayed=replayed,
        allowed_bits=None if allowed_bits is None else int(allowed_bits),
        seed=int(seed),
        model=model,
    )
    return Certifying(judge, every=int(every))


class Certifying:
    """The context manager that ``certify`` hands back; it yields the certificate."""

    def __init__(self, judge: Judge, *, every: int) -> None:
        self._judge, self._names = judge, judge.names
        self._every, self._taken = every, 0
        self._stack = ExitStack()
        self._listener = _Listener(judge)
        self._was_entered = self._is_due = self._is_pushed = False
        self._place = self._thread = 0  # among the modes, and in which thread

    def __enter__(self) -> Certificate:
        if self._was_entered:
            raise RuntimeError(
                "this certify() was entered before; each is for one with block: call certify again"
            )
        self._was_entered = True
        self._place, self._thread = modes_entered(), get_ident()
        self._stack.enter_context(self._names)
        handle = register_optimizer_step_post_hook(lambda *_: self._stepped())
        self._stack.callback(handle.remove)
        self._listen()
        return self._judge.certificate

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._judge.listening = False
        self._pop()
        self._stack.close()

    def _stepped(self) -> None:
        """After a step of an optimizer: between two judged ones nothing is listened to."""
        if get_ident() != self._thread:
            return
        with self._judge.sparing("a step"):
            self._taken += 1
            self._judge.step = self._taken + 1
            self._names.forget()
            self._is_due = self._is_due or self._taken % self._every == 0
            if self._is_due:
                self._listen()
            else:
                self._pause()

    def _listen(self) -> None:
        """From now on; where a mode was entered since, that one must be left before."""
        if not self._is_pushed:
            if modes_entered() != self._place:
                raise NotJudged(
                    "another dispatch mode was entered after certify, and is in the way"
                )
            self._listener.__enter__()  # type: ignore[no-untyped-call]  # torch gives it no types
            self._is_pushed = True
        self._is_due = False
        self._judge.begins_a_step()

    def _pause(self) -> None:
        self._judge.listening = False
        if modes_entered() == self._place + 1:  # it is the last
            self._pop()

    def _pop(self) -> None:
        if self._is_pushed:
            self._listener.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # as above
            self._is_pushed = False


class _Listener(TorchDispatchMode):
    """Lets everything pass, and hands on each convolution with its answer."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch gives it no types
        self._judge = judge

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        """Compiled code runs on as compiled; else torch sets it aside from then on, for good."""
        return True

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:  # called by torch
        if is_judging() or not self._judge.listening:
            return func(*args, **(kwargs or {}))
        name, is_own = func.overloadpacket.__name__, func.namespace == "aten"
        if is_own and name in dispatched.COMPOSITE:  # as in inference mode: of its parts
            with self:
                answered = func.decompose(*args, **(kwargs or {}))
            if answered is not NotImplemented:
                return answered
        answered = func(*args, **(kwargs or {}))
        with self._judge.sparing(name):
            if is_own and name in {dispatched.FORWARD, dispatched.BACKWARD} and not kwargs:
                self._judge.takes(name, func, args, answered)
            elif is_own and name == "_to_copy" and _is_plain(answered):  # as autocast does
                self._judge.names.copied(args[0], answered)
            elif dispatched.is_kin(name):
                self._judge.names.kin(f"{func.namespace}::{name}")
        return answered


def _is_plain(tensor: Any) -> bool:
    """Whether it lies in memory that others may be found by."""
    return type(tensor) is Tensor and tensor.layout == torch.strided and tensor.dim() > 2
