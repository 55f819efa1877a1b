from __future__ import annotations

import copy
import pickle
from functools import cached_property
from typing import Any

import pytest
import torch
from judging import exact_everywhere, failures, judged
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from conv_reference.layer import ConvLayer_1
from conv_reference.verification.faults.collection import FAULTS
from conv_reference.verification.faults.sound import right

SIZES = "float32 n2 c2 h5 w6 o3 k3x2"


def test_a_copied_layer_is_the_same_layer() -> None:
    for layer in (nn.Conv2d, nn.Conv2d(2, 3, (3, 2)), ConvLayer_1, right.PlaneLayer):
        assert exact_everywhere(layer, "copied_layer", count=2) > 0


def test_a_layer_that_loses_an_option_when_it_is_copied_is_found() -> None:
    found = failures(FAULTS["LosesPadding"].function, f"copied_layer {SIZES} p1")
    assert found["copied_layer", "Y"].startswith("of the layer pickled and loaded: should")


class OtherSideWhenCopied(nn.Conv2d):
    """Works out which side has the odd element, and once more, otherwise, where it is copied."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.above = [0, 0]
        if self.padding == "same":
            self.above = [d * (k - 1) // 2 for d, k in self._axes]

    @property
    def _axes(self) -> list[tuple[int, int]]:
        return [*zip(self.dilation, self.kernel_size, strict=True)]

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]  # torch's is untyped
        if self.padding == "same":
            self.above = [(d * (k - 1) + 1) // 2 for d, k in self._axes]

    def forward(self, input: Tensor) -> Tensor:
        if self.padding != "same":
            return super().forward(input)
        totals = [d * (k - 1) for d, k in self._axes]
        down, across = ((n, t - n) for n, t in zip(self.above, totals, strict=True))
        padded = pad(input, (*across, *down))
        return conv2d(padded, self.weight, self.bias, dilation=self.dilation, groups=self.groups)


def test_padding_that_is_on_the_other_side_in_a_copy_is_found() -> None:
    found = failures(OtherSideWhenCopied, f"copied_layer {SIZES} s2")
    said = "of the layer pickled and loaded, with padding='same' and a stride of 1: "
    assert found["copied_layer", "Y"].startswith(said)
    assert not failures(OtherSideWhenCopied, f"copied_layer {SIZES.replace('k3x2', 'k3')} s2")
    assert not failures(OtherSideWhenCopied, f"padding_words {SIZES}")


class LosesItsSides(nn.Conv2d):
    """Its copy does not know how much padding is on each side."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.known = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]  # torch's is untyped
        self.known = self.padding != "same"

    def forward(self, input: Tensor) -> Tensor:
        if not self.known:
            raise AttributeError("sides")
        return super().forward(input)


def test_a_copy_that_raises_with_the_word_is_found() -> None:
    (said,) = failures(LosesItsSides, f"copied_layer {SIZES}").values()
    asked = "of the layer copied, with padding='same' and a stride of 1"
    assert said.startswith(f"{asked}: raised AttributeError: sides")


class Unpicklable(nn.Conv2d):
    """Holds what no process can send to another."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.made = [lambda: 0]


def test_a_layer_that_nobody_can_pickle_is_only_copied() -> None:
    assert exact_everywhere(Unpicklable, "copied_layer", count=1) > 0


class KeepsItsPlan(nn.Conv2d):
    """Works out its options at the first call."""

    @cached_property
    def plan(self) -> dict[str, Any]:
        names = ("stride", "padding", "dilation", "groups")
        return {name: getattr(self, name) for name in names}

    def forward(self, input: Tensor) -> Tensor:
        return conv2d(input, self.weight, self.bias, **self.plan)


class OfIntegers(nn.Conv2d):
    """Takes integers, and has them as such."""

    def __init__(self, *args: Any, stride: int, padding: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self.stride, self.padding = stride, padding  # type: ignore[assignment]  # torch's are pairs


class Frozen(nn.Conv2d):
    """Its options are set once."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "stride" and name in vars(self):
            message = "the stride cannot be changed"
            raise AttributeError(message)
        super().__setattr__(name, value)


@pytest.mark.parametrize("layer", [nn.Conv2d, nn.Conv2d(2, 3, (3, 2)), OfIntegers, Frozen])
def test_no_false_alarm_where_an_option_was_another_before(layer: Any) -> None:
    assert exact_everywhere(layer, "options_set_back", count=3) > 0


@pytest.mark.parametrize("option", ["stride", "padding", "dilation"])
def test_a_layer_that_keeps_the_options_of_its_first_call_is_found(option: str) -> None:
    judgements = judged(KeepsItsPlan, f"options_set_back {SIZES}")
    said = f"of a layer whose {option} was another for one call before: "
    assert any(j.explanation.startswith(said) for j in judgements if not j.is_exact)
    assert not failures(KeepsItsPlan, f"certificate {SIZES}")


class BoundOnce(nn.Conv2d):
    """Chooses its path when it is made: a copy of it has the path of the first."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.path: Any = lambda input: super(BoundOnce, self).forward(input)

    def forward(self, input: Tensor) -> Tensor:
        Y: Tensor = self.path(input)
        return Y


def test_a_copy_that_computes_with_the_first_kernel_is_found() -> None:
    said = failures(BoundOnce, f"copied_layer {SIZES}")["copied_layer", "Y"]
    assert said.startswith("of the layer copied, when the copy's parameters changed their sign: ")


class SharesItsKernel(nn.Conv2d):
    def __deepcopy__(self, memo: Any) -> Any:
        other = copy.copy(self)
        other._parameters = dict(self._parameters)
        return other


def test_a_copy_that_shares_the_first_kernel_is_found() -> None:
    said = failures(SharesItsKernel, f"copied_layer {SIZES}")["copied_layer", "Y"]
    assert said.startswith("of the layer that was copied, when the copy's parameters changed")


class Thaws(nn.Conv2d):
    """Its copy asks for gradients whether it did or not."""

    def __deepcopy__(self, memo: dict[int, Any]) -> nn.Module:
        other = pickle.loads(pickle.dumps(self))
        for parameter in other.parameters():
            parameter.requires_grad_()
        return other  # type: ignore[no-any-return]  # of pickle's


def test_a_copy_that_asks_for_gradients_where_the_layer_is_frozen_is_told() -> None:
    said = failures(Thaws, f"copied_layer {SIZES} nobias")["copied_layer", "Y"]
    assert said == "of the layer copied: requires_grad of weight should be False, is True"


@pytest.mark.parametrize(
    "layer", [nn.Conv2d, nn.Conv2d(2, 3, (3, 2)), ConvLayer_1, right.PlaneLayer]
)
def test_no_false_alarm_where_a_layer_is_loaded_anew(layer: Any) -> None:
    assert exact_everywhere(layer, "reloaded_layer", count=2) > 0


class Packed(nn.Conv2d):
    """Packs its kernel at the first call after train() or eval()."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.packed: Tensor | None = None

    def forward(self, input: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(input)
        if self.packed is None:
            self.packed = self.weight.detach().clone()
        Y: Tensor = self._conv_forward(input, self.packed.to(input.dtype), self.bias)
        return Y

    def train(self, mode: bool = True) -> Packed:
        self.packed = None
        return super().train(mode)


class PackedInPlace(Packed):
    """Sees a kernel that is written to."""

    def forward(self, input: Tensor) -> Tensor:
        if getattr(self, "version", None) != (id(self.weight), self.weight._version):
            self.packed, self.version = None, (id(self.weight), self.weight._version)
        return super().forward(input)


class Narrowed(nn.Conv2d):
    """Keeps less than it had when it is converted."""

    def _apply(self, *args: Any, **options: Any) -> Any:
        super()._apply(*args, **options)  # type: ignore[no-untyped-call]  # torch's own
        with torch.no_grad():
            self.weight.mul_(2)
        return self


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Packed, {"after load_state_dict with another kernel"}),
        (Narrowed, {"after a call in a wider dtype"}),
    ],
)
def test_a_layer_that_does_not_answer_by_its_own_parameters_is_found(
    layer: Any, said: set[str]
) -> None:
    judgements = judged(layer, f"reloaded_layer {SIZES} nobias")
    found = {j.explanation for j in judgements if not j.is_exact}
    for each in said:
        assert any(text.startswith(f"in eval(), {each}") for text in found), found
    assert not failures(layer, f"certificate {SIZES}")


class Counted(nn.Conv2d):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.register_buffer("calls", torch.zeros(()))


def test_what_a_state_holds_besides_is_observed() -> None:
    judgements = judged(Counted, f"reloaded_layer {SIZES} nobias")
    assert all(judgement.is_exact for judgement in judgements)
    said = "state_dict() holds more than the parameters: calls"
    assert said in {judgement.observation for judgement in judgements}


def test_who_sees_that_its_kernel_was_written_to_is_right() -> None:
    assert not failures(PackedInPlace, f"reloaded_layer {SIZES} nobias")


class BiasFirst(nn.Module):
    def __init__(self, *sizes: Any, **options: Any) -> None:
        super().__init__()
        made = nn.Conv2d(*sizes, **options)
        self.bias, self.weight = made.bias, made.weight
        self.options = {name: getattr(made, name) for name in ("stride", "padding", "dilation")}

    def forward(self, input: Tensor) -> Tensor:
        return conv2d(input, self.weight, self.bias, **self.options)


def test_a_bias_that_comes_before_the_kernel_is_observed() -> None:
    judgements = judged(BiasFirst, f"reloaded_layer {SIZES}")
    assert all(judgement.is_exact for judgement in judgements)
    assert any("the bias before the kernel" in judgement.observation for judgement in judgements)
    said = {each.observation for each in judged(nn.Conv2d, f"reloaded_layer {SIZES}")}
    assert said == {""}


class Shares(nn.Conv2d):
    """Takes a state over without copying it."""

    def _load_from_state_dict(self, state: Any, prefix: str, *_: Any) -> None:
        self.weight.data = state[f"{prefix}weight"].detach()
        if self.bias is not None:
            self.bias.data = state[f"{prefix}bias"].detach()


def test_a_layer_that_shares_the_memory_of_a_loaded_state_is_found() -> None:
    judgements = judged(Shares, f"reloaded_layer {SIZES}")
    found = {judgement.explanation.partition(":")[0] for judgement in judgements}
    said = "after load_state_dict with another kernel, which changes afterwards"
    assert found == {"", f"in train(), {said}", f"in eval(), {said}"}


class Tabled(nn.Conv2d):
    """Has a table in no state."""

    sign: Tensor

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.register_buffer("sign", -torch.ones(()), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input * (self.sign * self.sign).to(input.dtype))


def test_what_is_in_no_state_is_lost_where_a_layer_is_made_without_numbers() -> None:
    judgements = judged(Tabled, f"reloaded_layer {SIZES} nobias")
    assert all(judgement.is_exact for judgement in judgements)
    said = "load_state_dict, answers otherwise: more than its state is needed"
    assert any(judgement.observation.endswith(said) for judgement in judgements)


@pytest.mark.parametrize("check", ["copied_layer", "reloaded_layer"])
def test_a_kernel_whose_elements_are_one_in_memory_is_not_written_to(check: str) -> None:
    case = f"{check} float64 n1 c1 h1 w1 o1 k1x2 p0x1 K=expanded nobias"
    judgements = judged(nn.Conv2d, case)
    assert judgements
    assert all(judgement.is_exact for judgement in judgements)
