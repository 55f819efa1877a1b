"""The calling conventions: functions, autograd Functions, layers and adapters, under one."""

from __future__ import annotations

import inspect
import sys
from dataclasses import replace
from operator import attrgetter
from typing import Any

from torch import nn

from conv_reference.quantities import CONV2D, OPERATORS, Operator
from conv_reference.verification.frameworks.recipe import lacking
from conv_reference.verification.model.errors import RelativeError, TargetError
from conv_reference.verification.reading.words import Words, parse
from conv_reference.verification.target.constants import constants_of
from conv_reference.verification.target.foreign import framework_of, target_of
from conv_reference.verification.target.functions import of_callable
from conv_reference.verification.target.layers import of_class, of_instance
from conv_reference.verification.target.lines import written
from conv_reference.verification.target.names import asked_convention, asked_operator, read_as
from conv_reference.verification.target.operators import is_line, operator_of, reading
from conv_reference.verification.target.own_defaults import own_defaults
from conv_reference.verification.target.scripted import as_function
from conv_reference.verification.target.signatures import (
    ACCEPTED,
    class_of_apply,
    is_function_class,
    shown_signature,
)
from conv_reference.verification.target.spelling import (
    FunctionSpelling,
    Spelling,
    StrangersSpelling,
)
from conv_reference.verification.target.strangers.by_trial import convention_by_trial, why_not
from conv_reference.verification.target.strangers.numpy_layers import static_forward
from conv_reference.verification.target.strangers.trials import Trials
from conv_reference.verification.target.target import Target


def as_target(
    implementation: Any,
    *,
    name: str | None = None,
    operator: str | None = None,
    convention: str | None = None,
    trials: Trials | None = None,
) -> Target:
    """Put an implementation under the one convention.

    Args:
        implementation: a callable with a leading part of the signature of
            ``torch.nn.functional.conv2d`` (or some of its options, by their names), a
            ``torch.autograd.Function``, an ``nn.Module`` class or instance, a ``Framework`` or
            an adapter with ``forward`` and ``vjp``.
        name: shown in reports; by default the implementation's own.
        operator: what it should compute, where neither torch's own names, the layer's class nor
            a parameter ``output_padding`` shows it: conv2d, conv_transpose2d, ...
        convention: how it is called, as far as that is not to be found by trial: see ``words``.
        trials: how long they may take, and whom they are told; by default as long as they take.

    Raises:
        TargetError: when it is none of these, or its parameters cannot be recognised.
        ValueError: when there is no such operator, or the convention contradicts it.
    """
    if isinstance(implementation, Target):
        return implementation
    given = implementation
    importable = name is not None and ":" in name  # else it is a word to show, and leads nowhere
    if name is None:
        name, importable = _own_name(implementation)
    words = None if convention is None else parse(convention)
    implementation = _unwrapped(implementation)
    trials = Trials() if trials is None else trials
    try:
        fitted = _fitted(implementation, name, operator, words, trials)
    except RelativeError as error:
        raise TargetError(str(error)) from error  # which travels between processes
    return replace(
        fitted,
        name=read_as(name, operator, convention),
        importable=importable,
        spelling=_spelt(fitted, is_apply=class_of_apply(given) is not None),
        own_defaults=own_defaults(implementation, fitted),
        signature=shown_signature(implementation),
        constants=constants_of(implementation),
        written=written(implementation),
    )


def _unwrapped(implementation: Any) -> Any:
    """What Python says more of: a Function in place of its ``apply``, a function of a scripted."""
    return class_of_apply(implementation) or as_function(implementation)


def _spelt(target: Target, *, is_apply: bool) -> Spelling | None:
    """How it is called by the name that was given, which may be that of the ``apply`` itself."""
    spelling = target.spelling
    if is_apply and isinstance(spelling, FunctionSpelling | StrangersSpelling):
        return replace(spelling, apply=False)
    return spelling


def called_as_before(implementation: Any, found: Target) -> Target:
    """The same implementation once more, of a module that was executed again, for example.

    One that is called as torch's convolution is, is called so again, without a trial of it.

    Raises:
        TargetError: when it cannot be called so.
    """
    if found.has_glue or found.convention:
        name, (_, operator) = found.name, asked_operator(found.name)
        fixed = asked_convention(name) or found.convention or None  # it is not searched for again
        again = as_target(implementation, name=name, operator=operator, convention=fixed)
        return replace(again, name=name)
    function = _unwrapped(implementation)
    return _of_operator(function, found.name, found.operator, line=found.is_line)


def _fitted(
    implementation: Any, name: str, operator: str | None, words: Words | None, trials: Trials
) -> Target:
    """Under torch's convention where the signature fits it, else as a trial shows."""
    if words is not None:
        return _as_said(implementation, name, operator, words, trials)
    framework = framework_of(implementation, name)
    if framework is not None:
        asked = CONV2D if operator is None else reading(operator)[0]
        return target_of(framework, name, asked, trials.opened)
    if not _is_found_by_trial(operator):
        return _adapted(implementation, name, operator)
    standard, refused = None, None
    try:
        standard = _adapted(implementation, name, operator)
    except RelativeError:
        raise
    except TargetError as error:
        refused = error
    found = convention_by_trial(implementation, standard, name, trials=trials) or standard
    if found is None:
        assert refused is not None  # or there is a standard
        said = why_not(implementation, trials)
        raise (TargetError(f"cannot call {name!r}: {said}") if said else refused)
    return found


def _is_found_by_trial(operator: str | None) -> bool:
    """Whether other conventions than torch's are tried: of a convolution in two dimensions."""
    return operator is None or (operator in OPERATORS and OPERATORS[operator].is_convolution)


def _as_said(
    implementation: Any, name: str, operator: str | None, words: Words, trials: Trials
) -> Target:
    """As the user declares that it is called."""
    if not words.fixes_a_call:
        target = _fitted(implementation, name, operator, None, trials)
    else:
        found = None
        if _is_found_by_trial(operator):
            found = convention_by_trial(implementation, None, name, words, trials)
        if found is None:
            raise TargetError(
                f"cannot call {name!r} as {words.text!r}; accepted is that of a function, layer "
                "or autograd.Function of one's own, whose parameters are those of conv2d"
            )
        target = found
    forward_only = target.forward_only or words.backward == "none"
    return replace(target, forward_only=forward_only, convention=words.text)


def _own_name(implementation: Any) -> tuple[str, bool]:
    """module:attribute where that leads back to the implementation, else what it is called."""
    owner = class_of_apply(implementation)
    named = implementation if owner is None else owner
    module = getattr(named, "__module__", None) or "torch"
    shown = getattr(named, "__qualname__", type(named).__qualname__)
    shown += "" if owner is None else ".apply"
    for attribute in (shown, getattr(implementation, "__name__", shown)):
        try:
            found = attrgetter(attribute)(sys.modules.get(module))
        except AttributeError:
            continue
        same = found is implementation or (owner is not None and class_of_apply(found) is owner)
        if same and module != "__main__":
            return f"{module}:{attribute}", True
    return shown, False


def _adapted(implementation: Any, name: str, asked: str | None) -> Target:
    if asked is None:
        operator, line = operator_of(implementation, name), is_line(implementation)
    else:
        operator, line = reading(asked)
    return _of_operator(implementation, name, operator, line=line)


def _of_operator(implementation: Any, name: str, operator: Operator, *, line: bool) -> Target:
    """As torch's own functions and layers of the operator are called."""
    if isinstance(implementation, nn.Module):
        return of_instance(implementation, name, operator, line=line)
    if inspect.isclass(implementation) and issubclass(implementation, nn.Module):
        return of_class(implementation, name, operator, line=line)
    if is_function_class(implementation):
        implementation = implementation.apply
    static = static_forward(implementation)
    if static:
        raise TargetError(
            f"cannot verify {name!r}, whose {static} needs no object of it; accepted is that "
            f"function, {name}.{static}"
        )
    if inspect.isclass(implementation) or not callable(implementation):
        lacks = lacking(implementation)
        reason = f", which lacks {lacks}" if lacks else ""
        raise TargetError(
            f"cannot verify {name!r} of type {type(implementation).__name__}{reason}; {ACCEPTED}"
        )
    return of_callable(implementation, name, operator, line=line)
