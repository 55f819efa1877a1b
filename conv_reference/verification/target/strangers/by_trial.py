"""A stranger's calling convention, found by trial on one tiny case.

The oracle is exact and all sizes of the case differ, so that at most one form fits. What agrees is
kept; where nothing does, what answers in the right shape: that is how it is called, and wrong.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from conv_reference.geometry import Geometry
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.reading.words import Words
from conv_reference.verification.target import option_numbers
from conv_reference.verification.target.option_names import PAIRED, keys_of
from conv_reference.verification.target.purpose import is_on_purpose
from conv_reference.verification.target.signatures import is_function_class, lacks_its_object
from conv_reference.verification.target.strangers.as_target import as_called
from conv_reference.verification.target.strangers.attempt import (
    OF_ONE,
    OF_THREE,
    TINY,
    Convention,
    Level,
    asked,
    goes_back,
    handed,
    tiny,
)
from conv_reference.verification.target.strangers.by_code import (
    hands_on,
    has_torchs_names,
    is_own_code,
    knows_torch,
    may_be_depthwise,
    same_by_code,
)
from conv_reference.verification.target.strangers.conventions_in_order import conventions_in_order
from conv_reference.verification.target.strangers.handed_kernels import (
    kernel_handed,
    takes_a_kernel,
)
from conv_reference.verification.target.strangers.instances import instance
from conv_reference.verification.target.strangers.no_convention import furthest
from conv_reference.verification.target.strangers.numpy_functions import backward_of, over_arrays
from conv_reference.verification.target.strangers.numpy_layers import (
    STEPS,
    is_numpy_layer,
    numpy_layer,
)
from conv_reference.verification.target.strangers.option_arithmetic import computes_with
from conv_reference.verification.target.strangers.option_forms import (
    integers_of,
    is_of_pairs,
    probed,
)
from conv_reference.verification.target.strangers.other_operations import other_by_trial
from conv_reference.verification.target.strangers.own_padding import padding_of_itself
from conv_reference.verification.target.strangers.required_bias import with_required_bias
from conv_reference.verification.target.strangers.settling import settled
from conv_reference.verification.target.strangers.stranger import Stranger
from conv_reference.verification.target.strangers.tensor_forms import BIASES, TORCHS
from conv_reference.verification.target.strangers.tensor_functions import tensor_function
from conv_reference.verification.target.strangers.tensor_layers import tensor_layer
from conv_reference.verification.target.strangers.trials import OutOfTimeError, Trials
from conv_reference.verification.target.target import Target

_ANY = Words()


def convention_by_trial(
    implementation: Any,
    standard: Target | None,
    name: str,
    words: Words | None = None,
    trials: Trials | None = None,
) -> Target | None:
    """The implementation under the convention that fits it; None where torch's does, or none.

    Where the clock ends the search it is the nearest so far, which says so.

    Args:
        implementation: what was given.
        standard: the same under torch's convention, where its signature fits that.
        name: of the target.
        words: what a user fixes of the convention: it is called so, whatever comes of that.
        trials: how long they may take, and whom they are told; by default as long as they take.
    """
    own = _stranger(implementation)
    trials = Trials() if trials is None else trials
    for each in [*([] if own is None else [own]), *_handed(implementation)]:
        try:
            found = _found(replace(each, trials=trials), implementation, standard, name, words)
        except OutOfTimeError:
            found = _unsettled(trials, standard, name)
        if found is not None:
            return found
    return None


def _handed(implementation: Any) -> Iterator[Stranger]:
    """A layer that is handed its kernel, over tensors or over arrays."""
    if not takes_a_kernel(implementation):
        return
    of_tensors = [False] if knows_torch(implementation) else []
    of_arrays = [] if issubclass(implementation, nn.Module) else [True]
    for is_given_arrays in (*of_tensors, *of_arrays):
        with suppress(TargetError):
            yield kernel_handed(implementation, of_arrays=is_given_arrays)


def _unsettled(trials: Trials, standard: Target | None, name: str) -> Target | None:
    """Under the convention that came nearest, else under torch's where its signature fits."""
    found = standard
    if trials.nearest is not None:
        own, convention = trials.nearest
        trials.allow_a_few_more()
        with suppress(OutOfTimeError):
            convention = replace(convention, integers=integers_of(own, convention))
        found = as_called(own, convention, name)
    return None if found is None else replace(found, unsettled=trials.said)


def _found(
    own: Stranger, implementation: Any, standard: Target | None, name: str, words: Words | None
) -> Target | None:
    """See ``convention_by_trial``."""
    if words is None and standard is not None:
        biased = with_required_bias(own, standard)
        if not _is_open(own, standard, implementation):
            return biased
        standard = biased or standard
    own, found = _best(own, implementation, _ANY if words is None else words)
    if found is None or (standard is not None and not _comes_further(own, found)):
        return None if standard is None else _as_torchs(own, implementation, standard, name)
    # One that reads options from its **kwargs has these alone, whatever else it may be given.
    if standard is not None and not keys_of(implementation) and _is_torchs(own, found, standard):
        agrees = found.level is Level.AGREES
        return standard if agrees else replace(standard, computes=other_by_trial(own, found))
    target = as_called(own, found, name)
    if found.level is Level.AGREES or words is not None:
        return target
    return replace(target, computes=other_by_trial(own, found))


def _comes_further(own: Stranger, found: Convention) -> bool:
    """Whether it is rather called so than as torch is, where it raises.

    What answers kernels of one tap alone is so called where it refuses others on purpose: else it
    would be right where it does not fail.
    """
    if found.case == OF_ONE:
        error = asked(own, replace(found, case=TINY)).error
        return error is not None and is_on_purpose(error)
    return found.level > Level.OTHER or asked(own, Convention(TORCHS)).error is not None


def _as_torchs(own: Stranger, implementation: Any, standard: Target, name: str) -> Target:
    """Called as torch is, where nothing fits; but with integers where pairs are its first fault."""
    integers = _wanted_as_integers(own, implementation)
    is_other = integers or own.over_arrays
    target = as_called(own, Convention(TORCHS, integers), name) if is_other else standard
    return replace(target, computes=other_by_trial(own))


def _best(own: Stranger, implementation: Any, words: Words) -> tuple[Stranger, Convention | None]:
    """Where nothing agrees, and it has no word for its padding, as one that pads of itself."""
    own, found = _settled_over_either(own, implementation, words)
    # An instance that declares its padding is judged by what it declares.
    if found is None or found.level < Level.AGREES:
        own, found = _padding_by_word(own, implementation, words) or (own, found)
    is_open = "padding" not in own.names and (own.fixed is None or "padding" in own.assumed)
    if is_open and (found is None or found.level < Level.AGREES):
        own, found = padding_of_itself(own, words) or (own, found)
    if found is None:
        return own, None
    own, found = _known(own, found), _with_its_bias(own, found)
    if own.over_arrays and own.has_backward and own.is_layer:
        letters = handed(own, found)
        if STEPS in own.seen and letters == "X":
            return replace(own, gradients="X"), found
        if STEPS in own.seen or (own.demanded and letters is None):
            return replace(own, has_backward=False), found
    if own.over_arrays and own.has_backward and not found.biased:
        goes_back(own, replace(found, biased=True))  # where one is possible: for the order of three
    return own, found


def _settled_over_either(
    own: Stranger, implementation: Any, words: Words
) -> tuple[Stranger, Convention | None]:
    """Over tensors, or where nothing agrees so, and more does otherwise, over numpy arrays."""
    if own.over_arrays or not inspect.isfunction(implementation):
        return own, settled(own, words)
    arrays, other = over_arrays(own, implementation), None
    if not knows_torch(implementation):
        # To find that each convention raises over tensors would be thousands of trials.
        other = settled(arrays, words)
        agrees = other is not None and other.level is Level.AGREES
        if other is not None and agrees and asked(own, other).error is not None:
            return arrays, other
    found = settled(own, words)
    if found is not None and found.several and backward_of(implementation) is not None:
        # It hands back a cache: its gradients are those by hand, not those of torch's graph.
        by_hand = over_arrays(own, implementation, of_tensors=True)
        answer = asked(by_hand, found)
        if answer.level is found.level:
            return by_hand, replace(found, several=answer.several)
    level = Level.RAISED if found is None else found.level
    if level < Level.AGREES:
        other = settled(arrays, words) if other is None else other
        only = level is Level.RAISED and not knows_torch(implementation)  # whatever it raises there
        if only or (other is not None and other.level > level):
            return arrays, other
    return own, found


def _padding_by_word(
    own: Stranger, implementation: Any, words: Words
) -> tuple[Stranger, Convention] | None:
    """As one whose padding is a word, where it must be given and its code has one for it."""
    same = same_by_code(implementation)
    if not same or "padding" not in own.names or "padding" in own.defaults:
        return None
    by_word = replace(own, defaults={**own.defaults, "padding": same})  # no default that is left
    by_word, found = _settled_over_either(by_word, implementation, words)
    return (by_word, found) if found is not None and found.level is Level.AGREES else None


def _with_its_bias(own: Stranger, found: Convention) -> Convention:
    """With the form of a bias that its backward pass takes, too: Y may agree with several."""
    if not (own.over_arrays and own.has_backward):
        return found
    for form in (found.bias, *(BIASES if found.biased else ())):
        other = replace(found, bias=form)
        if asked(own, other).level is found.level and goes_back(own, other):
            return other
    return found


def _known(own: Stranger, found: Convention) -> Stranger:
    """With what the trial has shown: which options are read, and which dtypes are kept."""
    unread = own.in_dictionary - own.options_read()
    if unread:
        own = replace(own, names={o: n for o, n in own.names.items() if o not in unread})
    if not own.over_arrays:
        return own
    if found.is_single:
        return replace(own, dtype=torch.float32, only=frozenset({torch.float32}))
    answer = asked(replace(own, dtype=torch.float32), found)
    kept = isinstance(answer.Y, Tensor) and answer.Y.dtype == torch.float32
    return own if kept else replace(own, only=frozenset({torch.float64}))


def _is_torchs(own: Stranger, found: Convention, standard: Target) -> bool:
    """Whether nothing differs from torch's convention; of a layer also that of (N, H, W)."""
    words = found.form.input.word, found.form.weight.word
    usual = found.form.is_torchs or (not standard.has_channels and words == ("NHW", "HW"))
    plain = usual and not (found.integers or found.several or own.over_arrays)
    plain = plain and not (own.same_padding or own.pads or found.sides)
    return plain and all(option == name for option, name in own.names.items())


def _stranger(implementation: Any) -> Stranger | None:
    """What a stranger calls its parameters; None where that is not seen, or it is torch's."""
    if not is_own_code(implementation):
        return None
    try:
        return _of_strangers(implementation)
    except TargetError:
        return None


def _of_strangers(implementation: Any) -> Stranger:
    """What somebody's code calls its parameters.

    Raises:
        TargetError: when its names do not say so; of a method whose first is its object.
    """
    if inspect.isfunction(implementation) and lacks_its_object(implementation):
        raise TargetError("accepted is a method of an object, not of its class")
    if isinstance(implementation, nn.Module):
        return instance(implementation)
    if is_numpy_layer(implementation):
        return numpy_layer(implementation)
    if inspect.isclass(implementation) and issubclass(implementation, nn.Module):
        return tensor_layer(implementation)
    apply = is_function_class(implementation)
    return tensor_function(implementation.apply if apply else implementation)


def why_not(implementation: Any, trials: Trials) -> str:
    """Why it fits no convention: a parameter, or what it throws; of torch's own nothing.

    Args:
        implementation: what was given.
        trials: those of the search, none of which is made again.
    """
    if trials.is_over:
        return trials.said
    if not is_own_code(implementation) or isinstance(implementation, nn.Module):
        return ""
    try:
        own = replace(_of_strangers(implementation), trials=trials)
    except TargetError as error:  # of others the signature has been given already
        return str(error) if is_numpy_layer(implementation) else ""
    if own.has_no_size:
        return ""  # it was tried with kernels of one tap, and what is accepted is said
    code = getattr(implementation, "__init__", None)
    function = implementation if inspect.isfunction(implementation) else code
    source = getattr(getattr(function, "__code__", None), "co_filename", "")
    if inspect.isfunction(implementation) and not knows_torch(implementation):
        own = over_arrays(own, implementation)
    every = [*conventions_in_order(own, _ANY)]
    # What it throws at a bias of None is of no use, where one must be given.
    biased = [convention for convention in every if convention.biased] or every
    calls = (
        (own, replace(convention, case=case)) for case in (TINY, OF_THREE) for convention in biased
    )
    try:
        return furthest(calls, source)
    except OutOfTimeError:
        return trials.said


def _is_open(own: Stranger, standard: Target, implementation: Any) -> bool:
    """Whether the signature, which fits torch's, leaves open how it is called.

    No target is called for nothing: one that has torch's own words takes what torch takes.
    """
    if not standard.operator.is_convolution or standard.is_line:
        return False
    others = any(option != name for option, name in own.names.items())
    others |= "groups" not in own.names and may_be_depthwise(implementation)
    of_sides = option_numbers.is_of_sides(own.defaults.get("padding"))
    if others or of_sides or not knows_torch(implementation) or keys_of(implementation):
        return True
    if isinstance(implementation, nn.Module):
        return not isinstance(implementation, nn.Conv2d)
    if own.is_layer and "padding" not in own.names:
        return True  # it may pad of itself
    if own.is_layer:
        said = {"in_channels", "out_channels"} <= {*own.names} and not own.integers
        return not said or bool(_wanted_as_integers(own, implementation))
    # One that has all of torch's names, too: what it does on the tiny case is not to end a run.
    said = bool({"dilation", "groups"} & {*own.names}) or has_torchs_names(implementation)
    return bool(own.integers) or not said or bool(_wanted_as_integers(own, implementation))


def _wanted_as_integers(own: Stranger, implementation: Any) -> frozenset[str]:
    """The options of a class or function with which it cannot compute as pairs, as torch can."""
    plain = tiny(own, Convention(TORCHS))
    is_class = inspect.isclass(implementation)
    if plain is None or not (is_class or inspect.isfunction(implementation)):
        return frozenset()
    if is_class and issubclass(implementation, nn.Conv2d):
        return frozenset()
    taken = [option for option in PAIRED if option in own.names]
    called = frozenset(own.names[option] for option in taken)
    if hands_on(implementation) and not computes_with(implementation, called):
        return frozenset()
    errors = {o: asked(own, Convention(TORCHS), probed(own, plain, o)).error for o in taken}
    return frozenset(
        o for o, e in errors.items() if is_of_pairs(e) or _refuses_pairs(own, plain, o, e)
    )


def _refuses_pairs(
    own: Stranger, plain: Geometry, option: str, error: BaseException | None
) -> bool:
    """Whether it refuses one as a pair, in words of its own, and takes it as an integer."""
    if error is None or not is_on_purpose(error):
        return False
    return (
        asked(own, Convention(TORCHS, frozenset({option})), probed(own, plain, option)).error
        is None
    )


def known_other_by_trial(implementation: Any, trials: Trials) -> str:
    """What else than a cross-correlation it computes, under whichever convention; or empty.

    Args:
        implementation: what was given.
        trials: those of the search, none of which is made again.
    """
    own = _stranger(implementation)
    if own is None:
        return ""
    with suppress(OutOfTimeError):
        return other_by_trial(replace(own, trials=trials))
    return ""
