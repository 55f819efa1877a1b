"""What comes out right where no operand has an offset, or all are contiguous: one fault.

Who ignores where a tensor begins errs in Y and in each gradient, in the bias and in second
derivatives, each on other layouts of other operands. So the target is run once more
on some cases of each fault, with operands that lie otherwise, and nothing else is different.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.grouping.faults import Fault
from conv_reference.verification.diagnosis.grouping.group import Groups
from conv_reference.verification.diagnosis.kinds import few_of, row_of
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.result import FOUND, Verdict
from conv_reference.verification.target.target import Call, Target

OFFSET = (
    "Where each operand begins at the start of its memory, this comes out right: a storage offset "
    "is ignored."
)
STRIDES = (
    "Where each operand is contiguous, this comes out right: it depends on how they lie in memory."
)
_MOST_ASKED = 24  # faults
_RIGHT = {Verdict.EXACT, Verdict.ROUNDED}
_Question = tuple[Case, str]  # a case, and the row that fails on it


def filed_by_what_mends(faults: Sequence[Fault], groups: Groups, bench: Bench) -> list[Fault]:
    """The faults; those that come of offsets are one, and of strides under the certificate's.

    That of two certificates both fail on other strides may be two faults, see ``layouts``; what
    fails so in another row follows.

    Args:
        faults: in their order.
        groups: the failures of each kind.
        bench: with no time left, nothing is run.
    """
    asked = {n: each for n, f in enumerate(faults) if (each := _questions(f, groups))}
    asked = dict([*asked.items()][:_MOST_ASKED])
    if not asked or bench.target.offer is not None:
        return [*faults]
    every = (question for questions in asked.values() for question in questions)
    answers = bench.ask(mended_by, every, bench.settings)
    mends = {n: {answers.get(question, "") for question in each} for n, each in asked.items()}
    offset = [n for n, found in mends.items() if found == {"offset"}]
    strides = [n for n, found in mends.items() if found == {"strides"}]
    others = [n for n in strides if not _is_first(faults[n], groups)]
    first = [n for n in strides if n not in others][:1] or others[:1]
    under = dict.fromkeys(offset[1:], *offset[:1])
    under |= {n: first[0] for n in others if n not in first}
    filed = {n: _copied(fault) for n, fault in enumerate(faults) if n not in under}
    for n in offset[:1]:
        filed[n].cause = OFFSET
    for n in others[:1]:
        if n in filed:
            filed[n].cause = STRIDES
    for n, cause in under.items():
        own = filed[cause].kinds if _is_first(faults[n], groups) else filed[cause].following
        own += faults[n].kinds
        filed[cause].following += faults[n].following
    return [*filed.values()]


def _copied(fault: Fault) -> Fault:
    return replace(fault, kinds=[*fault.kinds], following=[*fault.following])


def _is_first(fault: Fault, groups: Groups) -> bool:
    return row_of(groups[fault.kinds[0]].failures[0].judgement).is_first


def _questions(fault: Fault, groups: Groups) -> list[_Question]:
    """A few of its failures, as cases and rows: none where no number is wrong, nor any raised."""
    few = few_of(groups[fault.kinds[0]].failures)
    judgement = few[0].judgement
    left_out = fault.cause or fault.kinds[0].known or judgement.setting or judgement.crash
    if left_out or not (judgement.of_numbers or judgement.thrown):
        return []
    return [*dict.fromkeys((f.case, f.judgement.check) for f in few)]


def mended_by(target: Target, question: _Question, settings: Settings) -> str:
    """Without what of the layouts the row passes on the case: "offset", "strides" or nothing."""
    case, row = question
    if not _verdicts(target, case, row, settings) & FOUND:
        return ""
    plain = case.contiguous()
    if plain != case and _verdicts(target, plain, row, settings) & FOUND:
        return ""  # it is not the layout
    for name, lay in (("offset", without_offset), ("strides", contiguous)):
        relaid = Relaid(target, lay)
        verdicts = _verdicts(relaid.target, case, row, settings)
        if relaid.differs and verdicts and verdicts <= _RIGHT:
            return name
    return ""


def _verdicts(target: Target, case: Case, row: str, settings: Settings) -> set[Verdict]:
    judged = judge_case(target, case, settings)
    return {judgement.verdict for judgement in judged if judgement.check == row}


def without_offset(tensor: Tensor) -> Tensor:
    """The same numbers with the same strides, from the start of memory of their own."""
    core = tensor
    for dim, stride in enumerate(tensor.stride()):
        core = core.narrow(dim, 0, 1) if stride == 0 and tensor.shape[dim] > 1 else core
    found = torch.empty_strided(core.shape, core.stride(), dtype=tensor.dtype, device=tensor.device)
    return found.copy_(core).expand(tensor.shape)


def contiguous(tensor: Tensor) -> Tensor:
    """The same numbers, one beside the other."""
    return tensor.clone(memory_format=torch.contiguous_format)


@dataclass
class Relaid:
    """A target of which no tensor that it is given lies as the caller has it."""

    of: Target
    lay: Callable[[Tensor], Tensor]
    differs: bool = field(default=False)  # whether one did lie otherwise

    @property
    def target(self) -> Target:
        """The target; a layer, whose kernel is its own, is called as it is."""
        return replace(self.of, prepare=self._prepare)

    def _prepare(self, case: Case, operands: Operands) -> Call:
        call = self.of.prepare(case, operands)
        if call.layer is not None:
            return call

        def function(*given: Any) -> Any:
            return self._laid(call.function(*map(self._laid, given)))

        return replace(call, function=function)

    def _laid(self, value: Any) -> Any:
        return _laid(value, self._copy) if isinstance(value, Tensor) else value

    def _copy(self, tensor: Tensor) -> Tensor:
        found = self.lay(tensor)
        places = [(each.stride(), each.storage_offset()) for each in (tensor, found)]
        self.differs |= places[0] != places[1]
        return found


class _Laid(torch.autograd.Function):
    """A tensor, and its gradient in turn, as they are to lie."""

    generate_vmap_rule = True

    @staticmethod
    def forward(tensor: Tensor, lay: Callable[[Tensor], Tensor]) -> Tensor:
        return lay(tensor)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, _output: Any) -> None:
        ctx.lay = inputs[1]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return _laid(gradients[0], ctx.lay), None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        return _laid(tangents[0], ctx.lay)


_laid: Any = _Laid.apply
