"""One call after another, judged in place and over integers, and kept in the certificate."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from random import Random
from typing import Any

import torch
from torch import nn

from conv_reference.combination import Combination, draw_weights
from conv_reference.verification.model.case import dtype_name
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.step import apart, dispatched
from conv_reference.verification.step.again import Again
from conv_reference.verification.step.certificate import Certificate, Row, Seen
from conv_reference.verification.step.dispatched import Answer, Dispatched, NotJudged
from conv_reference.verification.step.element import Element
from conv_reference.verification.step.equations import equations
from conv_reference.verification.step.in_place import judged_in_place, name_of
from conv_reference.verification.step.module_names import Names
from conv_reference.verification.step.replay import key, over_integers, replay
from conv_reference.verification.step.unheard import Unheard


class Judge:
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
        self.step = 1  # of the optimizer's, the one that is at hand
        self._random = Random(seed)
        self._sample, self._replay, self._seed = sample, replayed, seed
        self._allowed_bits = allowed_bits
        self._rows: dict[tuple[Any, ...], Row] = {}
        self._replayed: set[tuple[Any, ...]] = set()
        self._calls = 0
        self._is_new_step = False

    def begins_a_step(self) -> None:
        """What is heard from now on is of another step."""
        self._is_new_step = self.listening = True

    @property
    def listening(self) -> bool:
        """Whether what runs is to be judged."""
        return self.unheard.listening

    @listening.setter
    def listening(self, listening: bool) -> None:
        self.unheard.listening = listening

    def sparing(self, what: str) -> AbstractContextManager[None]:
        """Whatever is raised within is listed as not judged, and never reaches the step."""
        return apart.sparing(self.certificate.not_judged, what)

    def takes(self, name: str, operator: Any, args: tuple[Any, ...], answered: Any) -> None:
        """One call at the dispatcher, with its answer.

        Raises:
            NotJudged: when it is no convolution that can be judged.
        """
        is_forward, recorded = name == dispatched.FORWARD, torch.is_grad_enabled()
        if is_forward:
            self.names.heard()
        recording = apart.recorded()
        if recording:
            raise NotJudged(recording)
        read = dispatched.forward if is_forward else dispatched.backward
        call = read(args, answered)
        with apart.undisturbed(call.input.device):
            row = self._row(call)
            row.calls += 1
            if is_forward:
                row.recorded = bool(row.recorded) or recorded
            elif row.recorded is False:
                is_unknown = self.names.is_of_no_module(row.name)
                self.unheard.hand_written(row.name if is_unknown else f"module {row.name}")
            if self._random.random() < self._sample:
                self._judges(call, row, operator, args)

    def _judges(self, call: Dispatched, row: Row, operator: Any, args: tuple[Any, ...]) -> None:
        """Both answers of a call; what one of them fails on the other may still say."""
        self._calls += 1
        is_judged = False
        name = dispatched.BACKWARD if call.backward else dispatched.FORWARD
        if self._replay:  # first: it says whether the algorithm is direct
            with self.sparing(f"{name} over integers"):
                is_judged = self._over_integers(call, row, operator, args)
        with self.sparing(name):
            is_judged = self._in_place(call, row, Again(call, operator, args)) or is_judged
        if is_judged:
            row.judged += 1
            self.certificate.steps += self._is_new_step
            self._is_new_step = False

    def _row(self, call: Dispatched) -> Row:
        named = self.names.backward if call.backward else self.names.forward
        name, dtype = named(call.input, call.weight), dtype_name(call.weight.dtype)
        place = (name, call.geometry, dtype, call.transposed)
        if place not in self._rows:
            made = Row(name, call.geometry, dtype, call.transposed)
            made.is_unplaced = self.names.is_unplaced(name)
            self._rows[place] = made
            self.certificate.rows.append(self._rows[place])
        return self._rows[place]

    def _in_place(self, call: Dispatched, row: Row, again: Again) -> bool:
        """Whether an answer was judged on the numbers of the step."""
        seed, device = self._seed + self._calls, call.input.device
        weights = draw_weights(call.geometry, seed=seed, magnitude=1, device=device)
        combination = Combination(call.geometry, weights, fast=True)
        is_judged = False
        for answer, equation in equations(combination, call.answers):
            seen = row.seen(answer.name)
            direct = seen.replayed == Verdict.EXACT
            with self.sparing(f"{answer.name} in place"):
                wrong = judged_in_place(
                    answer, equation, seen, direct=direct, allowed_bits=self._allowed_bits
                )
                is_judged = True
                seen.counted(self.step, is_wrong=wrong is not None)
                if wrong is not None:
                    _found(seen, wrong, again, answer)
        return is_judged

    def _over_integers(
        self, call: Dispatched, row: Row, operator: Any, args: tuple[Any, ...]
    ) -> bool:
        """Whether it was repeated over integers, as the first of its kind is."""
        kind = (row.name, *key(call, args))
        if kind in self._replayed:
            return False
        self._replayed.add(kind)
        again = Again(call, operator, over_integers(call, args, self._seed))
        for held in replay(again, self._seed, allowed_bits=self._allowed_bits):
            place, seen = held.place, row.seen(held.answer.name)
            if place is None:
                seen.take_exact(held.miss_bound)
                continue
            element = Element(name_of(held.answer, place), place, (held.extent,))
            if place.is_outside:
                seen.take_replay(Verdict.WRONG, bits=place.bits)
                element = replace(element, name=f"over {held.over}, {element.name}")
                _found(seen, element, again, held.answer, over_integers=True)
            else:
                seen.take_replay(Verdict.ROUNDED, bits=place.bits, said=str(element))
        return True


def _found(
    seen: Seen, element: Element, again: Again, answer: Answer, *, over_integers: bool = False
) -> None:
    """Keep the first that is wrong; then look into what it comes from."""
    if seen.found(element, over_integers=over_integers):
        cause = again.cause(answer, element.place)
        seen.finding = replace(element, more=(*element.more, cause))
