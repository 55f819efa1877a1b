"""A few lines of Python that show a finding without this project, where that is possible."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from conv_reference.quantities import GRADIENTS, QUANTITIES, ROLE_OF, ROLES
from conv_reference.verification.checks import Reported, all_rows
from conv_reference.verification.diagnosis.kinds import row_of
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case, Layout, Values, dtype_name
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.names import split
from conv_reference.verification.target.operators import arguments, channels
from conv_reference.verification.target.spelling import (
    FunctionSpelling,
    LayerOfNames,
    LayerSpelling,
    StrangersSpelling,
)
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.layouts import first_slice, written
from conv_reference.verification.trial.values import case_operands

MOST_ELEMENTS = 500  # of a tensor that is written out
_OTHERS = {"torch", "numpy", "conv_reference", "analytic"}  # what a file would not be taken for
PLACEHOLDER = "my_conv"  # for a target that no name leads back to


def snippet(
    target: Target, case: Case, judgement: Judgement, settings: Settings, more: str = ""
) -> str:
    """Under ten lines: with torch alone where that is possible, otherwise through ``verify``.

    Args:
        target: which they call.
        case: on which it failed.
        judgement: whose quantity they print.
        settings: of the run; on another device than the CPU they go through ``verify``.
        more: further keywords that ``verify`` needs, behind a comma.
    """
    row = all_rows()[judgement.check]
    is_whole = target.has_channels and not target.is_line  # so that elements have these numbers
    in_one_call = row.is_first or row.reported == Reported.GRAPH
    in_one_call |= row.reported == Reported.APART and is_whole
    sizes = (prod(target.operator.shape(role, case.geometry)) for role in ROLES)
    writable = case.values in {Values.ONES, Values.COUNTING} or max(sizes) <= MOST_ELEMENTS
    if target.importable and in_one_call and writable and settings.device == "cpu":
        tensors = _Tensors(target, case, settings)
        match target.spelling:
            case FunctionSpelling() as spelling:
                call, K, b = _function(target, spelling, tensors), "K", "b"
            case StrangersSpelling(layer=LayerOfNames() as layer) as spelling if (
                _has_another_kernel(judgement)
            ):
                made = _strangers_made(target, spelling, layer, tensors.case)
                return "\n".join([*imports(target), *made, _shapes_shown(spelling, layer, tensors)])
            case StrangersSpelling() as spelling:
                call, K, b = _strangers(target, spelling, tensors), "K", "b"
            case LayerSpelling() as spelling:
                call = _layer(target, spelling, tensors)
                K, b = _attribute(spelling.kernel), _attribute(spelling.bias)
            case None:
                return _through_verify(target, case, judgement, settings, more)
        shown = _shown(judgement, tensors, {"X": "X", "K": K, "b": b})
        return "\n".join([*imports(target), *call, *shown])
    return _through_verify(target, case, judgement, settings, more)


def _through_verify(
    target: Target, case: Case, judgement: Judgement, settings: Settings, more: str
) -> str:
    asked = f'case="{case}", seed={settings.seed}{more}'
    lines = [
        "from conv_reference.verification import verify",
        f"report = verify({target.name!r}, {asked}, isolate=True)",
    ]
    if not target.importable:  # its name need not be Python: "<lambda>", "f.<locals>.g"
        lines = [
            "from conv_reference.verification import verify",
            f"{PLACEHOLDER} = ...  # what was given to verify",
            f"report = verify({PLACEHOLDER}, {asked})",
        ]
    # One case may have several, and one quantity may fail in several ways.
    sought = (judgement.check, judgement.quantity, judgement.verdict.value)
    lines += [
        f"sought = {sought}",
        "found = [f for f in report.findings if (f.check, f.quantity, f.verdict) == sought]",
        "found = found or report.findings",
        'print(found[0].explanation if found else "right")',
    ]
    return "\n".join(lines)


def imports(target: Target) -> Iterator[str]:
    """What a script that calls the target imports."""
    place, _ = split(target.name)
    folder = str(Path(place).parent) if place.endswith(".py") else "."
    run = "" if _can_be_imported(place) else "runpy, types, "
    if folder == ".":  # where Python looks
        yield f"import {run}torch"
    else:
        is_package = (Path(folder) / "__init__.py").is_file()  # whose files may import it
        there = f"[:0] = [{folder!r}, '.']" if is_package else f".insert(0, {folder!r})"
        yield f"import {run}sys, torch; sys.path{there}"
    if run:
        yield f"{_LOADED} = types.SimpleNamespace(**runpy.run_path({place!r}))"
    elif place != "torch":
        yield f"import {_module(place)}"


def own_name(target: Target) -> str:
    """What a script calls the target, once it has what it imports."""
    place, attribute = split(target.name)
    return f"{_module(place)}.{attribute}"


def _module(place: str) -> str:
    if not _can_be_imported(place):
        return _LOADED
    return Path(place).stem if place.endswith(".py") else place


_LOADED = "mine"  # a module that has no name of its own


def _can_be_imported(place: str) -> bool:
    """Whether ``import`` finds it: a file's name may be no Python, or that of another module."""
    name = Path(place).stem
    python = name.isidentifier() and not keyword.iskeyword(name)
    return not place.endswith(".py") or (python and name not in sys.stdlib_module_names | _OTHERS)


class _Tensors:
    """The operands of a case, written out."""

    def __init__(self, target: Target, case: Case, settings: Settings) -> None:
        self.case = case
        self._operands = case_operands(case, settings.seed, target.operator)
        self._target = target
        self._layouts = {**case.layouts_by_letter, "b": Layout.CONTIGUOUS}

    def leaf(self, letter: str) -> str:
        """An argument, which asks for its gradient where the case says so."""
        asks = letter in self.case.requires_grad
        return self.text(letter) + (".requires_grad_()" if asks else "")

    def parameter(self, letter: str) -> str:
        """The same, as a parameter of a layer."""
        asks = "" if letter in self.case.requires_grad else ", requires_grad=False"
        return f"torch.nn.Parameter({self.text(letter)}{asks})"

    def text(self, letter: str) -> str:
        """The values, in their layout; without what a target over (N, H, W) does not have."""
        tensor: Tensor = getattr(self._operands, ROLE_OF[letter])
        layout, whole = self._layouts[letter], letter == "G"
        dtype = f"torch.{dtype_name(self.case.dtype)}"
        if letter == "b":
            return _values(tensor, dtype)
        held = first_slice(tensor, whole=whole) if layout == Layout.EXPANDED else tensor
        text = written(_values(held, dtype), tuple(tensor.shape), layout, dtype)
        if self._target.is_line:
            return f"{text}[:, :, 0]"
        flat = not self._target.has_channels
        return text + ("" if not flat else "[0, 0]" if letter == "K" else "[:, 0]")


def _values(tensor: Tensor, dtype: str) -> str:
    """What makes the tensor, contiguous."""
    shape, flat = tuple(tensor.shape), tensor.flatten()
    if bool((flat == 1).all()):
        return f"torch.ones({shape}, dtype={dtype})"
    if torch.equal(flat.to(torch.float64), torch.arange(1.0, len(flat) + 1, dtype=torch.float64)):
        return f"torch.arange(1, {len(flat) + 1}, dtype={dtype}).reshape({shape})"
    reshaped = f".reshape({shape})" if len(shape) > 1 else ""
    return f"torch.tensor({_numbers(flat)}, dtype={dtype}){reshaped}"


def _numbers(flat: Tensor) -> list[float | int]:
    """Integers as such: less to read."""
    return [int(value) if value.is_integer() else value for value in flat.tolist()]


def as_a_function(target: Target, case: Case) -> Iterator[str]:
    """Lines that end with ``f``, a function of X and K alone; none where nothing spells one."""
    if case.bias:
        shape = target.operator.shape("bias", case.geometry)
        yield f"b = torch.zeros({shape}, dtype=torch.{dtype_name(case.dtype)})"
    match target.spelling:
        case FunctionSpelling() as spelling:
            yield f"f = lambda X, K: {_function_call(target, spelling, case)}"
        case StrangersSpelling(layer=None) as spelling:
            yield f"f = lambda X, K: {_strangers_call(target, spelling, case)}"
        case LayerSpelling() as spelling:
            yield f"layer = {_layer_made(target, spelling, case)}"
            given = [f"{spelling.kernel!r}: K", *([f"{spelling.bias!r}: b"] * case.bias)]
            parameters = f"{{{', '.join(given)}}}"
            yield f"f = lambda X, K: torch.func.functional_call(layer, {parameters}, (X,))"


def _function(target: Target, spelling: FunctionSpelling, tensors: _Tensors) -> Iterator[str]:
    yield from (f"{letter} = {tensors.leaf(letter)}" for letter in tensors.case.arguments)
    yield f"Y = {_function_call(target, spelling, tensors.case)}"


def _function_call(target: Target, spelling: FunctionSpelling, case: Case) -> str:
    return function_call(target, spelling, _options(target, case), "b" if case.bias else "None")


def function_call(
    target: Target, spelling: FunctionSpelling, options: Mapping[str, str], bias: str
) -> str:
    """A call of the function on X, K and options, each a text."""
    given = {**options, "bias": bias}
    words = [given[name] for name in spelling.by_position]
    words += [f"{name}={given[name]}" for name in spelling.by_name]
    words += [f"padding_mode={given['padding_mode']}"] if "padding_mode" in given else []
    called = own_name(target) + (".apply" if spelling.apply else "")
    return f"{called}({', '.join(['X', 'K', *words])})"


def _strangers(target: Target, spelling: StrangersSpelling, tensors: _Tensors) -> Iterator[str]:
    """A call in the stranger's own forms, its operands in torch's: so are the gradients."""
    yield from (f"{letter} = {tensors.leaf(letter)}" for letter in tensors.case.arguments)
    if spelling.layer is not None:
        yield from _strangers_layer(target, spelling, spelling.layer, tensors)
    else:
        yield f"Y = {_strangers_call(target, spelling, tensors.case)}"


def _strangers_call(target: Target, spelling: StrangersSpelling, case: Case) -> str:
    given = spelling.options(case.geometry)
    if "bias" in spelling.names and (case.bias or "bias" not in spelling.optional):
        given[spelling.names["bias"]] = f"b{spelling.bias}" if case.bias else "None"
    words = [*spelling.operands(case)]
    words = words[::-1] if spelling.exchanged else words
    if spelling.positional:
        words += [given.get(name, default) for name, default in spelling.positional]
    else:
        words += [f"{name}={value}" for name, value in given.items()]
    called = own_name(target) + (".apply" if spelling.apply else "")
    return f"{called}({', '.join(words)}){spelling.output}"


def _strangers_layer(
    target: Target, spelling: StrangersSpelling, layer: LayerOfNames, tensors: _Tensors
) -> Iterator[str]:
    """Its parameters are replaced for the time of the call, so that K keeps torch's form."""
    case = tensors.case
    yield from _strangers_made(target, spelling, layer, case)
    X, K = spelling.operands(case)
    replaced = [f"{layer.kernel!r}: {K}"]
    if case.bias and layer.bias:
        shape = f"{_attribute(layer.bias)}.shape"
        replaced.append(f"{layer.bias!r}: b.reshape({shape})")
    called = f"torch.func.functional_call(layer, {{{', '.join(replaced)}}}, ({X},))"
    yield f"Y = {called}{spelling.output}"


def _strangers_made(
    target: Target, spelling: StrangersSpelling, layer: LayerOfNames, case: Case
) -> Iterator[str]:
    """An instance, in the dtype of the case, which draws what the judge's own drew."""
    made = own_name(target)
    if layer.by_init_inputs:
        made += _by_init_inputs(target)
    elif not layer.is_instance:
        given = spelling.options(case.geometry)
        if "bias" in spelling.names:
            given[spelling.names["bias"]] = str(case.bias)
        made += f"({', '.join(f'{name}={value}' for name, value in given.items())})"
    if layer.bias and not case.bias:
        yield "torch.manual_seed(0)  # in case it draws a bias all the same"
    yield f"layer = {made}.to(torch.{dtype_name(case.dtype)})"


def _has_another_kernel(judgement: Judgement) -> bool:
    """Whether it was not called at all: the kernel that it makes has another shape."""
    return judgement.thrown is not None and judgement.thrown.is_uncalled


def _shapes_shown(spelling: StrangersSpelling, layer: LayerOfNames, tensors: _Tensors) -> str:
    own = f"{_attribute(layer.kernel)}.shape, ({tensors.text('K')}){spelling.weight}.shape"
    return f"print({own})  # the first should be the second"


def _by_init_inputs(target: Target) -> str:
    return f"(*{_module(split(target.name)[0])}.get_init_inputs())"


def _layer(target: Target, spelling: LayerSpelling, tensors: _Tensors) -> Iterator[str]:
    yield f"layer = {_layer_made(target, spelling, tensors.case)}"
    yield f"{_attribute(spelling.kernel)} = {tensors.parameter('K')}"
    if tensors.case.bias:
        yield f"{_attribute(spelling.bias)} = {tensors.parameter('b')}"
    yield f"X = {tensors.leaf('X')}"
    yield "Y = layer(X)"


def _layer_made(target: Target, spelling: LayerSpelling, case: Case) -> str:
    """An instance, in the dtype of the case."""
    g = case.geometry
    given = {
        **channels(target.operator, g),
        "kernel_size": g.kernel_size[1:] if target.is_line else g.kernel_size,
        **_options(target, case),
        "bias": case.bias,
    }
    return layer_of(target, spelling, given, case.dtype)


def layer_of(
    target: Target, spelling: LayerSpelling, given: Mapping[str, Any], dtype: torch.dtype
) -> str:
    """An instance, made with what its constructor takes of what is given."""
    made = own_name(target)
    if spelling.constructor is not None:
        taken = (f"{name}={given[name]}" for name in spelling.constructor if name in given)
        made = f"{made}({', '.join(taken)})"
    elif spelling.by_init_inputs:
        made += _by_init_inputs(target)
    return f"{made}.to(torch.{dtype_name(dtype)})"


def _attribute(name: str) -> str:
    """A parameter of the layer: ``layer[0].weight``, for what is in a sequence has a number."""
    return re.sub(r"\.(\d+)", r"[\1]", f"layer.{name}")


def _options(target: Target, case: Case) -> dict[str, Any]:
    given = arguments(target.operator, case.geometry, line=target.is_line)
    return {
        name: repr(value) if isinstance(value, str) else str(value) for name, value in given.items()
    }


def _shown(judgement: Judgement, tensors: _Tensors, leaves: dict[str, str]) -> Iterator[str]:
    """What asks for the quantity and prints it."""
    name = judgement.quantity_name
    leaf = QUANTITIES[name].leaf if name in QUANTITIES else ""
    shown = leaves[leaf] if leaf else "Y"
    if row_of(judgement).reported == Reported.GRAPH:
        yield from _graph_shown(shown, tensors, is_output=not leaf)
        return
    if row_of(judgement).reported == Reported.APART:
        yield from _argument_shown(judgement, tensors, leaves)
        return
    if leaf:
        yield f"Y.backward({tensors.text('G')})"
        shown += ".grad"
    if judgement.index:
        shown += str(list(judgement.index))
    elif judgement.of_another_kind:
        shown = f"{shown}.shape, {shown}.dtype"
    yield f"print({shown})  # {_outcome(judgement)}"


def _graph_shown(shown: str, tensors: _Tensors, *, is_output: bool) -> Iterator[str]:
    """Whether Y has a graph, where it should have one or none; or that a leaf gets no gradient."""
    if is_output:
        wanted = bool(tensors.case.requires_grad)
        yield f"print(Y.requires_grad)  # should be {wanted}, is {not wanted}"
        return
    yield "if Y.requires_grad:"
    yield f"    Y.backward({tensors.text('G')})"
    yield f"print({shown}.grad)  # should be a gradient, is None"


def _argument_shown(
    judgement: Judgement, tensors: _Tensors, leaves: dict[str, str]
) -> Iterator[str]:
    """What an argument holds once both passes are made."""
    shown = {**leaves, "G": "G"}[judgement.quantity]
    yield f"G = {tensors.text('G')}"
    yield "if Y.requires_grad:"
    yield "    Y.backward(G)"
    element = str(list(judgement.index)) if judgement.index else ".shape"
    yield f"print({shown}{element})  # {_outcome(judgement)}"


def _outcome(judgement: Judgement) -> str:
    """What the last line shows, or why it is never reached."""
    if judgement.verdict in {Verdict.RAISED, Verdict.CRASHED}:
        return f"never reached: {judgement.actual}"
    said = f"should be {judgement.expected}, is {judgement.actual}"
    if row_of(judgement).reported == Reported.SHAPE and judgement.quantity in GRADIENTS:
        return f"{said}: torch refuses that, or sums it to size"
    return said
