"""A reader's own layer, judged in each dtype; and whether the default dtype is all that ails it.

Written as in the book, the layer makes its result with ``torch.zeros(N, H - h + 1, W - w + 1)``,
which takes torch's default dtype, float32. In other dtypes verification finds a wrong dtype and
lost bits in every gradient: many findings of one cause. That it is the one cause is shown, not
guessed: with the default dtype set to the input's, the same layer is asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from conv_reference.chapter.own.mend import Cut, Mend, cuts, layers, makes_parameter, mends
from conv_reference.verification import Report, load_target, verify

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
CHECK = "certificate"  # Y and both gradients, bit for bit
_ONE_IMAGE = "X as HW"  # as a convention found by trial says it
BUDGET = 0.5  # seconds for each dtype, from which the number of cases follows


@dataclass(frozen=True)
class Answer:
    """The layer in one dtype."""

    dtype: torch.dtype
    report: Report
    by_default: Report | None  # with this dtype as torch's default, where the first is not right

    @property
    def name(self) -> str:
        """The dtype's."""
        return str(self.dtype).removeprefix("torch.")

    @property
    def right(self) -> bool:
        """Whether nothing is to be mended."""
        return self.report.passed

    @property
    def made_in_default(self) -> bool:
        """Whether it is right as soon as this is torch's default dtype."""
        return not self.right and self.by_default is not None and self.by_default.passed


@dataclass(frozen=True)
class Checked:
    """The layer in every dtype, or in the first alone where it is wrong in that."""

    target: str  # as a command line names it; empty where none can
    name: str
    answers: tuple[Answer, ...]
    mends: tuple[Mend, ...]  # where the source leaves the dtype to torch
    cuts: tuple[Cut, ...] = ()  # where it leaves the graph

    @property
    def right(self) -> bool:
        """Whether nothing is to be mended in any dtype."""
        return all(answer.right for answer in self.answers)

    @property
    def takes_one_image(self) -> bool:
        """Whether it is right of one image, and not of the chapter's batch."""
        return any(_ONE_IMAGE in answer.report.called_as for answer in self.answers)

    @property
    def only_the_default(self) -> bool:
        """Whether the default dtype is all that is to be mended."""
        return not self.right and all(
            answer.right or answer.made_in_default for answer in self.answers
        )

    @property
    def wrong(self) -> tuple[Answer, ...]:
        """The dtypes in which something else is wrong."""
        return tuple(a for a in self.answers if not (a.right or a.made_in_default))


def check(
    implementation: Any,
    name: str,
    source: str = "",
    *,
    target: str = "",
    dtypes: Sequence[torch.dtype] = DTYPES,
    budget: float | None = None,
) -> Checked:
    """Judge a layer in each dtype.

    Args:
        implementation: what ``verify`` takes.
        name: of the class or function.
        source: of its file, in which to look for the mend; empty where there is none.
        target: how a command line names it, if one can.
        dtypes: the first is the one that the layer was written for.
        budget: seconds for each, above 0; BUDGET where not given.

    Raises:
        ValueError: when the implementation is none that can be asked.
    """
    budget = BUDGET if budget is None else budget
    answers = [_answer(implementation, dtype, budget) for dtype in dtypes[:1]]
    if answers[0].right:  # otherwise the others would say the same
        answers += [_answer(implementation, dtype, budget) for dtype in dtypes[1:]]
    if not source:
        return Checked(target, name, tuple(answers), ())
    return Checked(target, name, tuple(answers), mends(source, name), cuts(source, name))


def check_file(target: str) -> Checked:
    """Judge the layer in a file.

    Args:
        target: ``my_layer.py``, ``my_layer.py:Name`` or ``package.module:Name``. Without a name
            it is ConvLayer_1, or else the only class that has a forward pass.

    Raises:
        ValueError: when there is no such layer, or it cannot be loaded.
        OSError: when the file cannot be read.
    """
    place, _, name = target.rpartition(":") if ":" in target else (target, "", "")
    path = Path(place)
    source = path.read_text(encoding="utf-8") if path.suffix == ".py" else ""
    name = name or _only_layer(source, place)
    target = f"{place}:{name}"
    try:
        return check(load_target(target), name, source, target=target)
    except ValueError as error:
        if path.suffix == ".py" and not makes_parameter(source, name):
            raise ValueError(
                f"{target} makes no nn.Parameter: the kernel must be one, or no gradient is kept "
                "for it and no step moves it"
            ) from error
        raise


def _only_layer(source: str, place: str) -> str:
    try:
        found = layers(source)
    except SyntaxError as error:
        raise ValueError(f"{place} is no Python: {error}") from error
    if "ConvLayer_1" in found:
        return "ConvLayer_1"
    if len(found) != 1:
        raise ValueError(
            f"--check needs to know which layer: {place} has {', '.join(found) or 'no class'} "
            "with a forward pass; name one, as in my_layer.py:ConvLayer_1"
        )
    return found[0]


def _answer(implementation: Any, dtype: torch.dtype, budget: float) -> Answer:
    def asked() -> Report:
        return verify(implementation, dtypes=dtype, checks=CHECK, seed=0, budget=budget)

    with _default_dtype(torch.float32):
        report = asked()
    if report.passed or dtype == torch.float32:
        return Answer(dtype, report, None)
    with _default_dtype(dtype):
        return Answer(dtype, report, asked())


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
