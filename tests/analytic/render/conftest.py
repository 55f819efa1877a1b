"""The geometries whose printouts are tested, and golden files that can be read as they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from analytic import Geometry, Names, derive
from analytic.calculus.values import parse_values
from analytic.telling.document import Document
from analytic.theorem import theorem


@dataclasses.dataclass(frozen=True)
class Sample:
    """A document by what the user asks for."""

    sizes: tuple[Any, ...] = ((2, 3), (1, 2))
    options: tuple[tuple[str, Any], ...] = ()
    names: Names | None = None
    values: str | None = None

    @cache  # noqa: B019  # a dozen, for the whole run
    def document(self) -> Document:
        """Derive it, once in a run."""
        geometry = Geometry(*self.sizes, **dict(self.options))
        derivation = derive(geometry, names=self.names)
        if self.values is None:
            return derivation.document
        return derivation.with_values(parse_values(self.values, geometry))


def sample(
    *sizes: Any, names: Names | None = None, values: str | None = None, **options: Any
) -> Sample:
    return Sample(sizes or ((2, 3), (1, 2)), tuple(options.items()), names, values)


SAMPLES = {
    "chapter": sample(),
    "strided and padded": sample(5, 3, stride=2, padding=1),
    "padded on each side": sample((3, 4), 2, padding=((1, 0), (0, 2))),
    "dilated": sample(5, 2, dilation=(2, 3)),
    "stride and dilation": sample(7, 2, stride=2, dilation=3),
    "pixels never seen": sample((4, 5), 1, stride=2),
    "remainder": sample((4, 6), (2, 3), stride=(3, 2)),
    "one pixel": sample(1, 1),
    "kernel as large as the input": sample(3, 3),
    "more padding than kernel": sample(2, 1, padding=1),
    "channels and groups and batch and bias": sample(
        (2, 3), 2, batch=2, in_channels=4, out_channels=2, groups=2, bias=True
    ),
    "bias of one channel": sample((2, 2), (1, 2), bias=True),
    "indices of two digits": sample((3, 11), (2, 3), padding=1),
    "large": sample(28, 3),
    "other letters": sample((2, 3), (1, 2), names=Names(input="A", kernel="ω", upstream="Up")),
    "all indices": sample((2, 3), (1, 2), names=Names(all_indices=True)),
    "values": sample((2, 3), (1, 2), values="X=1,2,3;4,5,6 K=1,-1/2 G=2"),
}


@cache
def proved() -> Document:
    """The theorem, proved once in a run."""
    return theorem()


@pytest.fixture(params=[*SAMPLES, "theorem"])
def document(request: pytest.FixtureRequest) -> Document:
    """Each sample's document, and the theorem's."""
    if request.param == "theorem":
        return proved()
    return SAMPLES[request.param].document()


@pytest.fixture(scope="session")
def samples() -> dict[str, Sample]:
    """The samples by name."""
    return SAMPLES


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> Callable[[str], SnapshotAssertion]:
    """A snapshot in a file of its own, which any viewer of its format opens; by its suffix."""

    def of(suffix: str) -> SnapshotAssertion:
        class Golden(SingleFileSnapshotExtension):
            _write_mode = WriteMode.TEXT
            file_extension = suffix

        return snapshot.use_extension(Golden)

    return of
