from __future__ import annotations

from typing import Any

import torch
from judging import failures, judged
from torch import Tensor
from torch.nn.functional import conv2d


def test_a_word_that_is_refused_beside_pairs_alone_is_found() -> None:
    def compares(
        input: Tensor, weight: Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1
    ) -> Tensor:
        if isinstance(padding, str) and padding == "same" and stride != 1:
            raise ValueError("no stride beside padding='same'")
        return conv2d(input, weight, None, stride, padding, dilation)

    said = failures(compares, "padding_words float32 n1 c1 h3 w3 k2 nobias")["padding_words", "Y"]
    assert said.startswith("padding='same' is taken beside integers, and not beside pairs of them")


class ZerosForAWord(torch.nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        if not isinstance(self.padding, str) or self.padding_mode == "zeros":
            return super().forward(input)
        options = self.stride, self.padding, self.dilation, self.groups
        return conv2d(input, self.weight, self.bias, *options)


def test_a_word_that_is_padded_with_zeros_in_every_mode_is_found() -> None:
    said = failures(ZerosForAWord, "padding_words float32 n1 c1 h3 w3 k3")["padding_words", "Y"]
    assert said.startswith("padding='same' with padding_mode=")


def test_an_image_that_is_given_a_batch_in_place_is_found() -> None:
    def in_place(input: Tensor, weight: Tensor) -> Tensor:
        if input.dim() == 4 or input.requires_grad:
            return conv2d(input, weight)
        return conv2d(input.unsqueeze_(0), weight).squeeze(0)

    said = failures(in_place, "unbatched float32 c2 h4 w5 o3 k2 nobias")["unbatched", "X"]
    assert said == (
        "an image without a batch was of shape (2, 4, 5), is of (1, 2, 4, 5) after the call"
    )


def test_a_word_that_is_not_taken_is_none_where_no_integer_is_exact_either() -> None:
    """With a stride of 1 there are more outputs than the case has."""

    def of_integers(
        input: Tensor, weight: Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1
    ) -> Tensor:
        if isinstance(padding, str):
            raise TypeError("padding is made of integers")
        return conv2d(input, weight, None, stride, padding, dilation)

    case = "padding_words bfloat16 n2 c2 h17 w22 o2 k3x4 s9 p0 d1 g1 nobias"
    assert not failures(of_integers, case)


class NoWordInAMode(torch.nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        if isinstance(self.padding, str) and self.padding_mode != "zeros":
            raise ValueError("a word is for zeros alone")
        return super().forward(input)


def test_a_word_that_raises_in_another_mode_is_noted_and_not_judged() -> None:
    case = "padding_words float32 n1 c1 h3 w3 k3"
    said = {judgement.observed for judgement in judged(NoWordInAMode, case)}
    assert "padding='same' with padding_mode='reflect' raises ValueError" in said
    assert not failures(NoWordInAMode, case)
