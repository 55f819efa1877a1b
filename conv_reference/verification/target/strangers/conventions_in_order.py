"""In which order the conventions that a stranger could have are tried: the likelier first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from conv_reference.verification.reading.words import Words
from conv_reference.verification.target import option_numbers
from conv_reference.verification.target.option_names import PAIRED
from conv_reference.verification.target.strangers.attempt import Convention, is_neutral, tiny
from conv_reference.verification.target.strangers.option_forms import is_one_value
from conv_reference.verification.target.strangers.stranger import Stranger
from conv_reference.verification.target.strangers.tensor_forms import (
    BIASES,
    FLAT,
    FORMS,
    USUAL,
    Form,
)


def conventions_in_order(own: Stranger, words: Words) -> Iterator[Convention]:
    """All that could be, the likelier first; of what the words give, only that."""
    biases, padding = [False], own.takes & {"padding"} and not is_neutral(own, "padding")
    orders = ["", *option_numbers.ORDERS] if padding and is_one_value(own) else [""]
    orders = orders if words.padding is None else [words.padding]
    if "bias" in own.names and "bias" not in own.defaults and not own.is_layer:
        biases = [False, True]
    if words.bias is not None:
        biases = [words.bias == "required"]
    given = [(bias, of_bias) for bias in biases for of_bias in (BIASES if bias else [FLAT])]
    wholes = _wholes(own) if words.kernel_size is None else [words.kernel_size]
    styles = _styles(own, words)
    others = [form for form in FORMS if form not in USUAL]
    for forms, whole, order, integers in product((USUAL, others), wholes, orders, styles):
        settled = integers - ({"padding"} if order else set())
        if whole and "kernel_size" in settled:
            continue
        for (bias, of_bias), form in product(given, forms):
            convention = Convention(form, settled, order, whole, bias, of_bias)
            possible = _is_possible(own, form) and _is_meant(form, words)
            if possible and tiny(own, convention) is not None:
                yield convention


def _wholes(own: Stranger) -> list[str]:
    """In which order a constructor may take the kernel's whole shape; first, that it does not."""
    if not own.is_layer or own.sides or "kernel_size" not in own.names or own.fixed is not None:
        return [""]
    if "in_channels" in own.names:
        return [""]
    return ["", "ihw"] if "out_channels" in own.names else ["", "hwio", "oihw", "ohwi"]


def _is_possible(own: Stranger, form: Form) -> bool:
    """Whether a stranger could be called so: a layer has its kernel, and is given its input alone.

    What has a word for its groups has kernels of more than one input channel, too.
    """
    of_functions = own.is_layer and form.exchanged
    return not (of_functions or (form.weight.depthwise and "groups" in own.names))


def _is_meant(form: Form, words: Words) -> bool:
    """Whether the words leave a form open."""
    first = "weight" if form.exchanged else "input"
    given = ((words.input, form.input.word), (words.weight, form.weight.word), (words.first, first))
    return all(wanted in {None, is_} for wanted, is_ in given)


def _styles(own: Stranger, words: Words) -> list[frozenset[str]]:
    """Which options are given as integers at first, where they must be given."""
    if words.integers is not None:
        return [words.integers]
    paired = frozenset(PAIRED) & {*own.names}
    if "kernel_size" in own.names:
        square = paired | {"kernel_size"}
        return [square] if "kernel_size" in own.integers else [frozenset(), paired, square]
    must = any(not is_neutral(own, option) for option in paired)
    return [frozenset(), paired] if must else [frozenset()]
