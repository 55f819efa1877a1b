from __future__ import annotations

from typing import Any

import pytest
import torch
from modes import ask, verdicts, wrong
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

from conv_reference.verification.checks import compositions
from conv_reference.verification.faults.sound import right, rules
from conv_reference.verification.model.result import Verdict

RIGHT = [conv2d, nn.Conv2d, conv_transpose2d, rules.all_gradients_at_once, right.with_rules]


def test_words_are_all_of_two_and_three_up_to_the_second_order() -> None:
    words = {"∘".join(word) for word in compositions.WORDS}
    assert {"vjp∘vjp", "vjp∘jvp", "vmap∘vmap∘vmap", "vjp∘vmap∘jvp"} <= words
    assert not {"jvp∘jvp", "vjp", "vjp∘vjp∘vjp", "vjp∘jvp∘vjp"} & words
    assert len(words) == 24


@pytest.mark.parametrize("implementation", RIGHT, ids=lambda i: i.__name__)
def test_what_is_right_is_exact_in_every_word(implementation: Any) -> None:
    judgements = ask(implementation, "compositions", "float32", "n2 c2 h4 w3 o2 k2x1 p1")
    assert verdicts(judgements) == {Verdict.EXACT}
    assert len(judgements) > 24


def test_a_fault_that_only_three_transforms_at_once_meet_is_told_by_its_word() -> None:
    def two_deep(input: Tensor, weight: Tensor) -> Tensor:
        Y = conv2d(input, weight)
        return 2 * Y if torch._C._functorch.maybe_current_level() == 3 else Y

    judgements = ask(two_deep, "compositions", "float64", "n1 c1 h3 w3 o1 k2x2")
    assert wrong(judgements) == {"Y under composed transforms"}
    said = [judgement.explanation for judgement in judgements if judgement.explanation]
    assert all(sum(map(text.count, ("vjp", "jvp", "vmap"))) == 3 for text in said)
    assert any(text.startswith("result 2 of 2 of vmap(vjp(vmap(Y, ") for text in said)
    assert all(", of X's shape: " in text for text in said if text.startswith("result 1 of "))


def test_what_can_be_differentiated_once_is_unsupported() -> None:
    judgements = ask(right.Im2col, "compositions", "float64", "n1 c1 h3 w3 o1 k2x2")
    assert Verdict.UNSUPPORTED in verdicts(judgements)
    assert not wrong(judgements)
