"""Zero times an infinity, zeros with a sign, and subnormals."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from judging import failures, judged
from torch import Tensor
from torch.nn.functional import conv2d


def test_skipped_zeros_are_found() -> None:
    def skips_zeros(X: Tensor, K: Tensor) -> Tensor:
        Y = X.new_zeros(len(X), len(K), X.shape[2] - K.shape[2] + 1, X.shape[3] - K.shape[3] + 1)
        for o, c, a, b in K.nonzero().tolist():
            Y[:, o] += K[o, c, a, b] * X[:, c, a : a + Y.shape[2], b : b + Y.shape[3]]
        return Y

    found = failures(skips_zeros, "extremes float32 n1 c2 h4 w4 o2 k2")

    assert list(found) == [("zero_times_infinity", "Y")]
    assert "should be nan" in found["zero_times_infinity", "Y"]


def by_columns(X: Any, K: Any) -> Any:
    """A product of matrices for all windows: of one tap that is a column by one number."""
    windows = np.lib.stride_tricks.sliding_window_view(X, K.shape[2:], (2, 3))
    return np.tensordot(windows, K, ([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2)


def without_zeros(X: Any, K: Any) -> Any:
    """Over arrays, too, whoever leaves the zeros out does so with any number of channels."""
    Y = np.zeros((len(X), len(K), X.shape[2] - K.shape[2] + 1, X.shape[3] - K.shape[3] + 1))
    for o, c, a, b in np.argwhere(K):
        Y[:, o] += K[o, c, a, b] * X[:, c, a : a + Y.shape[2], b : b + Y.shape[3]]
    return Y


def test_what_numpys_product_leaves_out_is_observed_and_no_fault_of_its_caller() -> None:
    case = "extremes float64 n1 c1 h4 w4 o1 k1"
    said = "numpy's product of a column by one number leaves out 0 times an infinity in Y"
    assert said in [judgement.observed for judgement in judged(by_columns, case)]
    assert not failures(by_columns, case)
    assert ("zero_times_infinity", "Y") in failures(without_zeros, case)


def test_subnormals_may_be_kept_or_flushed_and_nothing_else() -> None:
    def flushed(X: Tensor, K: Tensor) -> Tensor:
        Y = conv2d(X, K)
        return torch.where(Y.abs() < torch.finfo(Y.dtype).tiny, 0 * Y, Y)

    def rounded_up(X: Tensor, K: Tensor) -> Tensor:
        Y, tiny = conv2d(X, K), torch.finfo(X.dtype).tiny
        return torch.where((Y.abs() < tiny) & (Y != 0), tiny, Y)

    case = "extremes float32 n1 c2 h4 w4 o2 k2"
    notes = [judgement.observed for judgement in judged(flushed, case)]

    assert "subnormal numbers are flushed to zero in Y" in notes
    assert not failures(flushed, case)
    assert list(failures(rounded_up, case)) == [("subnormals", "Y")]


def test_a_transform_may_round_subnormals() -> None:
    def there_and_back(X: Tensor, K: Tensor) -> Tensor:
        return conv2d(X / 3, K) * 3  # a third of a subnormal is no multiple of their spacing

    case = "extremes float32 n1 c2 h4 w4 o2 k2"
    assert not failures(there_and_back, case)
    notes = [judgement.observed for judgement in judged(there_and_back, case)]
    assert "subnormal numbers are rounded by a transform (Winograd, FFT) in Y" in notes
