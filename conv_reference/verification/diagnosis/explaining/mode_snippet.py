"""A few lines of torch alone that show a wrong mode: it is held against the target's own calls.

A convolution is bilinear, so each mode has a value that needs no other mode: a tangent of Y is
Y(V, K) + Y(X, W), what is mapped is a loop of calls, and so on. Where Y and its gradients are right
and a mode is not, the two differ. The lines are shown only if they were run, and did show it.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

from conv_reference.quantities import QUANTITIES
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.explaining.snippet import as_a_function, imports
from conv_reference.verification.model.case import Case, dtype_name
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.names import split
from conv_reference.verification.target.target import Target

_MAPPED = 3  # the size of the dimension that is mapped over
_MOST = 3  # of the integers: no dtype rounds the sums of a small case
_ROLES = {"X": "input", "K": "weight", "G": "grad_output", "V": "input", "W": "weight"}
_DIFFERS = "False"  # what the lines print
_TANGENT = "print(torch.equal(tangent, f(V, K) + f(X, W)))"
_VJP = "gradients = lambda X, K, G: torch.func.vjp(f, X, K)[1](G)"
_SECOND = "own = gradients(X, W, G)[0], gradients(V, K, G)[1]"
# Torch's autograd alone, which calls what torch.func refuses.
_LEAVES = "X, K, G, V, W = (t.requires_grad_() for t in (X, K, G, V, W))"
_FIRST = "first = lambda X, K, G, **more: torch.autograd.grad(f(X, K), (X, K), G, **more)"
_RECORDED = "dX, dK = first(X, K, G, create_graph=True)"
_THIRD = "A, = torch.autograd.grad(dK, X, W, create_graph=True, materialize_grads=True)"
# By the row: what asks for the mode, and compares it. V and W are directions of X and K.
_LINES: dict[str, tuple[str, ...]] = {
    "jvp": ("tangent = torch.func.jvp(f, (X, K), (V, W))[1]", _TANGENT),
    "dual_numbers": (
        "with torch.autograd.forward_ad.dual_level():",
        "    X_, K_ = map(torch.autograd.forward_ad.make_dual, (X, K), (V, W))",
        "    tangent = torch.autograd.forward_ad.unpack_dual(f(X_, K_)).tangent",
        _TANGENT,
    ),
    "double_backward": (
        _LEAVES,
        _FIRST,
        _RECORDED,
        "told = (V * dX).sum() + (W * dK).sum()",
        "second = torch.autograd.grad(told, (X, K, G), materialize_grads=True)",
        "own = first(X, W, G)[0], first(V, K, G)[1], f(V, K) + f(X, W)",
        "print(all(map(torch.equal, second, own)))",
    ),
    "third_order": (
        _LEAVES,
        _FIRST,
        _RECORDED,
        _THIRD,
        "found, = torch.autograd.grad(A, G, V, materialize_grads=True)",
        "print(torch.equal(found, f(V, W)))",
    ),
    "forward_over_reverse": (
        _VJP,
        "tangents = torch.func.jvp(lambda X, K: gradients(X, K, G), (X, K), (V, W))[1]",
        _SECOND,
        "print(all(map(torch.equal, tangents, own)))",
    ),
    "vmap": (
        "mapped = torch.func.vmap(f, {dims})({stacks})",
        "looped = torch.stack([f({slices}) for i in range({size})])",
        "print(torch.equal(mapped, looped))",
    ),
    "vmap_gradients": (
        _VJP,
        "mapped = torch.func.vmap(gradients, {dims})({stacks})",
        "looped = [gradients({slices}) for i in range({size})]",
        "print(all(map(torch.equal, mapped, map(torch.stack, zip(*looped)))))",
    ),
}
# Where an answer of a row has no graph, which shows by itself; tried first.
_GRAPHS: dict[str, tuple[str, ...]] = {
    "double_backward": (
        "X, K, G = (t.requires_grad_() for t in (X, K, G))",
        _FIRST,
        _RECORDED,
        "print(dX.requires_grad and dK.requires_grad)",
    ),
    "third_order": (_LEAVES, _FIRST, _RECORDED, _THIRD, "print(A.requires_grad)"),
}


def as_plain_torch(failure: Failure, bench: Bench) -> str:
    """The lines; empty where there are none for the row, or they did not show the failure.

    Args:
        failure: of a mode, on the case that is shown.
        bench: where the lines are run; with no time left there are none.
    """
    target, case, judgement = bench.target, failure.case, failure.judgement
    defined = [*as_a_function(target, case)] if _is_told(target, case, judgement) else []
    if not defined or bench.settings.device != "cpu":
        return ""
    before = (*imports(target), *defined, "torch.manual_seed(0)")
    ways = (table[judgement.check] for table in (_GRAPHS, _LINES) if judgement.check in table)
    texts = ["\n".join((*before, *_lines(target, case, judgement, way))) for way in ways]
    shown = bench.ask(printed, texts, None)
    text = next((text for text in texts if shown.get(text) == _DIFFERS), "")
    return text and f"{text}  # should be True, is False"


def printed(target: Target, text: str, _: object) -> str | None:
    """What the lines print last, run where the target runs; None where they raise."""
    place = Path(split(target.name)[0])
    path, before, shown = [*sys.path], {*sys.modules}, io.StringIO()
    sys.path.insert(0, str(place.parent))  # as a script's own is
    try:
        with (
            contextlib.redirect_stdout(shown),
            warnings.catch_warnings(action="ignore"),
            torch.random.fork_rng(devices=[]),
        ):
            exec(text, {})  # what is written here; it calls what is called anyway
    except (Exception, SystemExit):  # whatever it is: the lines are not shown then
        return None
    finally:
        sys.path[:] = path  # the lines have put a folder there themselves
        if place.stem not in before:  # the engine has the file under another name
            sys.modules.pop(place.stem, None)
    return (shown.getvalue().splitlines() or [""])[-1]


def _is_told(target: Target, case: Case, judgement: Judgement) -> bool:
    """Whether there are lines for it: numbers are wrong, and X, K and G alone are mapped over."""
    letters = _mapped_over(judgement)
    # Each of a tangent's two terms sums so many products; integers up to 2/eps are exact.
    most = max(target.operator.products(name, case.geometry) for name in QUANTITIES)
    return (
        judgement.check in _LINES
        and judgement.verdict == Verdict.WRONG
        and (bool(letters) == ("{dims}" in "".join(_LINES[judgement.check])))
        and {*letters} <= {*_of_calls(judgement)}
        and target.importable
        and target.has_channels
        and not target.is_line
        and 2 * _MOST**2 * most <= 2 / torch.finfo(case.dtype).eps
    )


def _mapped_over(judgement: Judgement) -> tuple[str, ...]:
    return () if judgement.mapped is None else judgement.mapped.mapped_over


def _of_calls(judgement: Judgement) -> str:
    """What the function that is mapped takes."""
    return "XKG" if judgement.check == "vmap_gradients" else "XK"


def _lines(
    target: Target, case: Case, judgement: Judgement, lines: tuple[str, ...]
) -> Iterator[str]:
    letters, taken = _mapped_over(judgement), _of_calls(judgement)
    text = "\n".join(lines)
    for letter, role in _ROLES.items():
        if letter in taken or re.search(rf"\b{letter}\b", text):
            shape = tuple(target.operator.shape(role, case.geometry))
            whole = (_MAPPED, *shape) if letter in letters else shape
            drawn = f"torch.randint({-_MOST}, {_MOST + 1}, {whole})"
            yield f"{letter} = {drawn}.to(torch.{dtype_name(case.dtype)})"
    if not letters:
        yield from lines
        return
    yield text.format(
        dims=tuple(0 if letter in letters else None for letter in taken),
        stacks=", ".join(taken),
        slices=", ".join(f"{letter}[i]" if letter in letters else letter for letter in taken),
        size=_MAPPED,
    )
