"""``certify``: every convolution of a training step judged where it runs.

The dispatcher is listened to; the model is neither changed nor copied, and its numbers and random
state are not touched. Each answer is judged in place, on the numbers of the step, against what
rounding explains in its dtype, and once over integers, where a direct algorithm is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils._python_dispatch import TorchDispatchMode

from conv_reference.combination import Combination, Equation, draw_weights
from conv_reference.verification import options
from conv_reference.verification.model.case import dtype_name
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.step import dispatched
from conv_reference.verification.step.again import Again
from conv_reference.verification.step.certificate import Certificate, Row, Seen
from conv_reference.verification.step.dispatched import Answer, Dispatched, Face, NotJudged
from conv_reference.verification.step.equations import equations
from conv_reference.verification.step.names import Names
from conv_reference.verification.step.places import (
    Place,
    are_finite,
    extent,
    inspect,
    ratios,
    relative,
    worst,
)
from conv_reference.verification.step.replay import key, over_integers, replay
from conv_reference.verification.step.unheard import Unheard

# Of a sum over a whole batch a residual may be so many times √n·u of its spread before the tap is
# computed again: measured on float32 layers, at most 0.7 times.
_SUSPECT = 4.0


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
        replayed: whether each kind of call is asked once more over integers.
        allowed_bits: the precision that is allowed in place of the dtype's, as of TF32 (10), 1..53.
        seed: of the weights of the combinations, of the integers and of the sample; at least 0.

    Raises:
        ValueError: when an argument is outside its range.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1, got {every}")
    if not 0 < sample <= 1:
        raise ValueError(f"sample must be above 0 and at most 1, got {sample}")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    options.ALLOW_BITS.require(allowed_bits)
    judge = _Judge(
        sample=sample,
        replayed=replayed,
        allowed_bits=allowed_bits,
        seed=seed,
        model=model,
    )
    return Certifying(judge, every=every)


class Certifying:
    """The context manager that ``certify`` hands back; it yields the certificate."""

    def __init__(self, judge: _Judge, *, every: int) -> None:
        self._judge, self._names = judge, judge.names
        self._every, self._taken = every, 0
        self._stack = ExitStack()
        self._listening: _Listener | None = None

    def __enter__(self) -> Certificate:
        self._stack.enter_context(self._names)
        handle = register_optimizer_step_post_hook(lambda *_: self._step())
        self._stack.callback(handle.remove)
        self._listen()
        return self._judge.certificate

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pause()
        self._stack.close()

    def _step(self) -> None:
        """After a step of an optimizer: between two judged ones nothing is listened to."""
        self._taken += 1
        self._judge.step = self._taken + 1
        self._names.forget()
        if self._taken % self._every == 0:
            self._listen()
        else:
            self._pause()

    def _listen(self) -> None:
        self._judge.begins_a_step()
        self._judge.unheard.listening = True
        if self._listening is None:
            self._listening = _Listener(self._judge)
            self._listening.__enter__()  # type: ignore[no-untyped-call]  # torch gives it no types

    def _pause(self) -> None:
        self._judge.unheard.listening = False
        if self._listening is not None:
            self._listening.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # as above
            self._listening = None


class _Listener(TorchDispatchMode):
    """Lets everything pass, and hands on each convolution with its answer."""

    def __init__(self, judge: _Judge) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch gives it no types
        self._judge = judge

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:  # called by torch
        answered = func(*args, **(kwargs or {}))
        name, is_own = func.overloadpacket.__name__, func.namespace == "aten"
        if is_own and name in {dispatched.FORWARD, dispatched.BACKWARD} and not kwargs:
            self._judge.takes(name, func, args, answered)
        elif is_own and name == "_to_copy" and _is_plain(answered):  # as autocast does with kernels
            self._judge.names.copied(args[0], answered)
        elif dispatched.is_kin(name):
            self._judge.names.kin(f"{func.namespace}::{name}")
        return answered


def _is_plain(tensor: Any) -> bool:
    """Whether it lies in memory that others may be found by."""
    return type(tensor) is Tensor and tensor.layout == torch.strided and tensor.dim() > 2


class _Judge:
    """Judges one call after another, and keeps the certificate."""

    def __init__(
        self,
        *,
        sample: float,
        replayed: bool,
        allowed_bits: int | None,
        seed: int,
        model: nn.Module | None,
    ) -> None:
        self.certificate = Certificate()
        self.unheard = Unheard(self.certificate.not_judged)
        self.names = Names(model, self.unheard)
        self._random = Random(seed)
        self._sample, self._replay, self._seed = sample, replayed, seed
        self._allowed_bits = allowed_bits
        self._rows: dict[tuple[Any, ...], Row] = {}
        self._replayed: set[tuple[Any, ...]] = set()
        self._calls = 0
        self._is_new_step = False
        self.step = 1  # of the optimizer's, the one that is at hand

    def begins_a_step(self) -> None:
        """What is judged from now on is of another step."""
        self._is_new_step = True

    def takes(self, name: str, operator: Any, args: tuple[Any, ...], answered: Any) -> None:
        """One call at the dispatcher, with its answer."""
        read = dispatched.backward if name == dispatched.BACKWARD else dispatched.forward
        recorded = torch.is_grad_enabled()
        if name == dispatched.FORWARD:
            self.names.heard()
        try:
            with _undisturbed(args[0]):
                call = read(args, answered)
                row = self._row(call)
                row.calls += 1
                if not call.backward:
                    row.recorded = bool(row.recorded) or recorded
                elif row.recorded is False:
                    self.unheard.hand_written(row.name)
                if self._random.random() >= self._sample:
                    return
                self._counted(row)
                if self._replay:  # first: it says whether the algorithm is direct
                    self._over_integers(call, row, operator, args)
                self._in_place(call, row, Again(call, operator, args))
        except NotJudged as reason:
            self.certificate.not_judged[f"{name}: {reason}"] += 1

    def _counted(self, row: Row) -> None:
        row.judged += 1
        self._calls += 1
        if self._is_new_step:
            self.certificate.steps += 1
            self._is_new_step = False

    def _row(self, call: Dispatched) -> Row:
        named = self.names.backward if call.backward else self.names.forward
        name, dtype = named(call.input, call.weight), dtype_name(call.weight.dtype)
        place = (name, call.geometry, dtype, call.transposed)
        if place not in self._rows:
            self._rows[place] = Row(name, call.geometry, dtype, call.transposed)
            self.certificate.rows.append(self._rows[place])
        return self._rows[place]

    def _in_place(self, call: Dispatched, row: Row, again: Again) -> None:
        seed = self._seed + self._calls
        device = call.input.device
        weights = draw_weights(call.geometry, seed=seed, magnitude=1, device=device)
        combination = Combination(call.geometry, weights, fast=True)
        for answer, equation in equations(combination, call.answers):
            seen = row.seen(answer.name)
            direct = seen.replayed == Verdict.EXACT
            try:
                is_wrong = judged_in_place(
                    answer, equation, seen, again, direct=direct, allowed_bits=self._allowed_bits
                )
            except NotJudged as reason:
                self.certificate.not_judged[f"{answer.name} in place: {reason}"] += 1
            else:
                seen.counted(self.step, is_wrong=is_wrong)

    def _over_integers(
        self, call: Dispatched, row: Row, operator: Any, args: tuple[Any, ...]
    ) -> None:
        kind = (row.name, *key(call, args))
        if kind in self._replayed:
            return
        self._replayed.add(kind)
        given = over_integers(call, args, self._seed)
        again = Again(call, operator, given)
        for held in replay(again, self._seed, allowed_bits=self._allowed_bits):
            place, name = held.place, held.answer.name
            seen = row.seen(name)
            if place is None:
                seen.take_replay(Verdict.EXACT, bits=float("inf"))
                continue
            where = f"{_said(name, place)}{held.extent}"
            if place.is_outside:
                seen.take_replay(Verdict.WRONG, bits=place.bits)
                said = again.explained(f"over {held.over}, {where}", held.answer, place, seen)
                seen.found(said, place, over_integers=True)
            else:
                seen.take_replay(Verdict.ROUNDED, bits=place.bits, said=where)


def judged_in_place(
    answer: Answer,
    equation: Equation,
    seen: Seen,
    again: Again,
    *,
    direct: bool,
    allowed_bits: int | None = None,
) -> bool:
    """One answer held against what rounding explains; whether it is wrong.

    A pixel costs little, so the worst one is always computed once more, element by element; a tap
    sums over the whole batch, and is only where its residual is suspect.

    Args:
        answer: what was computed.
        equation: its combination, with its spread.
        seen: of the quantity; it takes the verdict.
        again: the call, to be asked once more.
        direct: whether the algorithm is known to be direct, so that one element that errs far more
            than all others is not rounding's.
        allowed_bits: the precision that is allowed in place of the dtype's.

    Raises:
        NotJudged: when nothing can be judged, for what goes in or comes out is rightly not finite.
    """
    is_finite = bool(equation.residual.isfinite().all())
    if not is_finite and not are_finite(answer):
        raise NotJudged("an operand that is not finite, as of a loss that overflowed")
    off = ratios(equation)
    if off.numel() == 0:
        return False
    if answer.face not in {Face.OUTPUT, Face.INPUT}:
        allowed = _allowed(answer, allowed_bits)
        if float(off.max()) <= allowed:
            limit = relative(allowed * _max(equation.spread), answer.value)
            seen.take(Verdict.ROUNDED, bits=float("inf"), limit=limit)
            return False
    place = inspect(answer, worst(equation), direct=direct, allowed_bits=allowed_bits)
    if not is_finite and not place.is_outside:
        raise NotJudged("an answer past the dtype's range, which is infinite")
    said = ""
    if place.is_outside:
        said = _said(answer.name, place) + extent(answer, place)
    elif place.stands_out:
        others = f"{place.times:,.0f} times the error of the others at its place"
        said = f"{_said(answer.name, place)}: {others}"
    verdict = Verdict.WRONG if said else Verdict.ROUNDED
    seen.take(verdict, bits=place.bits, limit=place.limit)
    if said:
        seen.found(again.explained(said, answer, place, seen), place)
    return bool(said)


def _allowed(answer: Answer, allowed_bits: int | None) -> float:
    """How large the residual of a sum over the batch may be, relative to its spread."""
    g, unit = answer.form.geometry, torch.finfo(answer.value.dtype).eps / 2
    if allowed_bits is not None:
        unit = max(unit, 2.0 ** -(allowed_bits + 1))
    outputs = g.batch * g.output_size[0] * g.output_size[1]
    return float(_SUSPECT * unit * max(1, outputs) ** 0.5)


def _max(spread: Tensor | None) -> Tensor:
    return torch.zeros(()) if spread is None or not spread.numel() else spread.max()


def _said(name: str, place: Place) -> str:
    index = ",".join(map(str, place.index))
    return f"{name}[{index}] should be {place.expected:.9g}, is {place.actual:.9g}"


@contextmanager
def _undisturbed(tensor: Any) -> Iterator[None]:
    """The judge's own arithmetic: no graph, no autocast, and float32 products in full precision."""
    kind = tensor.device.type if isinstance(tensor, Tensor) else "cpu"
    before = torch.get_float32_matmul_precision()
    with torch.no_grad(), torch.autocast(kind, enabled=False):
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
