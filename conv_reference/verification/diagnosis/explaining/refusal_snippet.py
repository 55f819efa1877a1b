"""A few lines of torch alone with the calls that should be refused, and are answered.

The lines are shown only if they were run, and came to an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch

from conv_reference.verification.checks.options_refused import (
    IMPOSSIBLE,
    PLAIN,
    Impossible,
    can_express,
)
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.explaining.mode_snippet import printed
from conv_reference.verification.diagnosis.explaining.snippet import (
    function_call,
    imports,
    layer_of,
)
from conv_reference.verification.model.case import dtype_name
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.spelling import FunctionSpelling, LayerSpelling
from conv_reference.verification.target.target import Target

_OPTIONS = {**PLAIN, "output_padding": (0, 0)}  # as they are where nothing else is said
_ANSWERED = re.compile(r"torch\.Size\(\[[1-9]\d*(, [1-9]\d*)*\]\)")  # with an element at least


def as_plain_refusal(failure: Failure, bench: Bench) -> str:
    """The lines; empty where the failure is another, or none of them came to an answer.

    Args:
        failure: on the case that is shown.
        bench: where the lines are run; with no time left there are none.
    """
    target, judgement = bench.target, failure.judgement
    is_answer = judgement.verdict == Verdict.PERMISSIVE and judgement.quantity == "Y"
    if not (is_answer and target.importable and target.has_channels):
        return ""
    if bench.settings.device != "cpu":
        return ""
    asked = (impossible for impossible in IMPOSSIBLE if can_express(target, impossible))
    dtype = failure.case.dtype
    calls = {each.what: [*_call(target, each, dtype)] for each in asked}
    texts = {what: "\n".join([*imports(target), *lines]) for what, lines in calls.items()}
    shapes = bench.ask(printed, texts.values(), None)
    shown = [what for what, text in texts.items() if _ANSWERED.fullmatch(shapes.get(text, ""))]
    if not shown:
        return ""
    return "\n".join([*imports(target), *_one_after_another(shown, calls)])


def _one_after_another(shown: Iterable[str], calls: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Their lines; an operand that is there already is not made again."""
    made: dict[str, str] = {}
    for what in shown:
        *operands, call = calls[what]
        for line in operands:
            name = line.partition(" = ")[0]
            if made.get(name) != line:
                yield line
            made[name] = line
        yield f"{call}  # should be refused: {what}"


def _call(target: Target, impossible: Impossible, dtype: torch.dtype) -> Iterator[str]:
    """The call: of ones, as ``refusals`` makes it."""
    options = {**_OPTIONS, **impossible.options}
    has_bias = "bias" in target.options or target.always_biased
    size = impossible.b or impossible.K[0]
    made = f"dtype=torch.{dtype_name(dtype)})"
    yield f"X = torch.ones({impossible.X}, {made}"
    match target.spelling:
        case FunctionSpelling() as spelling:
            yield f"K = torch.ones({impossible.K}, {made}"
            if has_bias:
                yield f"b = torch.ones({size}, {made}"
            words = {name: str(value) for name, value in options.items()}
            called = function_call(target, spelling, words, "b" if has_bias else "None")
            yield f"print({called}.shape)"
        case LayerSpelling() as spelling:
            outer, inner, *taps = impossible.K
            inner *= options["groups"]
            channels = (outer, inner) if target.operator.is_transposed else (inner, outer)
            named = dict(zip(("in_channels", "out_channels"), channels, strict=True))
            given = {**named, "kernel_size": tuple(taps), **options, "bias": has_bias}
            yield f"print({layer_of(target, spelling, given, dtype)}(X).shape)"
