"""``conv-reference chapter --html``: from options to the page's file."""

from __future__ import annotations

import base64
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from conv_reference.chapter.data import Dataset
from conv_reference.chapter.figures import animation
from conv_reference.chapter.language import translations
from conv_reference.chapter.page import Page, render
from conv_reference.chapter.parts import PARTS
from conv_reference.chapter.parts.experiment import Experiment
from conv_reference.chapter.parts.material import (
    FULL,
    QUICK,
    QUICK_IMAGES,
    Gettext,
    Material,
    Part,
)
from conv_reference.chapter.training import Settings, require_fit


class Interrupted(KeyboardInterrupt):
    """Somebody pressed Ctrl-C; the message says what is lost."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What page is asked for."""

    settings: Settings
    images: int | None = None  # all, or the quick version's, when not said
    quick: bool = False
    language: str = "en"
    only: Sequence[str] = ()  # names of parts; none means all
    animated: bool = False
    options: tuple[str, ...] = ()  # of the command, to be printed on the page

    def __post_init__(self) -> None:
        unknown = [name for name in self.only if name not in PARTS]
        if unknown:
            raise ValueError(f"--only must be one of {tuple(PARTS)}, got {unknown[0]!r}")


def build(dataset: Dataset, request: Request, report: Callable[[str], None]) -> str:
    """Compute the parts and render the page.

    Args:
        dataset: the images.
        request: what page.
        report: called with each part as it begins.

    Raises:
        Interrupted: when the user stops it.
        ValueError: when something asked for cannot be computed.
    """
    wanted = request.images
    if wanted is None and request.quick:
        wanted = min(QUICK_IMAGES, len(dataset.pixels))
    require_fit(dataset.images(1), request.settings)
    count = len(dataset.images(wanted))
    material = Material(
        torch.from_numpy(dataset.pixels[:count]),
        request.settings,
        QUICK if request.quick else FULL,
    )
    start = time.perf_counter()
    names = [name for name in PARTS if not request.only or name in request.only]
    _ = translations(request.language).gettext
    sections = dict(_computed(names, material, report, _))
    experiment = sections.get("experiment")
    animated = None
    if request.animated and isinstance(experiment, Experiment):
        encoded = base64.b64encode(animation.gif(experiment.run)).decode()
        animated = f"data:image/gif;base64,{encoded}"
    return render(
        Page(
            language=request.language,
            options=request.options,
            images=count,
            quick=request.quick,
            source=str(dataset.path),
            genuine=count == len(dataset.pixels) and dataset.is_fashion_mnist(),
            minutes=(time.perf_counter() - start) / 60,
            versions=f"conv-reference {version('conv-reference')}, torch {torch.__version__}, "
            f"Python {platform.python_version()}, {torch.get_num_threads()} thread",
            animation=animated,
            sections=sections,
        )
    )


def _computed(
    names: Sequence[str], material: Material, report: Callable[[str], None], _: Gettext
) -> list[tuple[str, Part]]:
    found: list[tuple[str, Part]] = []
    for place, name in enumerate(names, 1):
        report(
            _("part {place} of {count}: {name}").format(place=place, count=len(names), name=name)
        )
        try:
            found.append((name, PARTS[name].compute(material)))
        except KeyboardInterrupt:
            raise Interrupted(
                _(
                    "interrupted in part {place} of {count}, {name}: no page is written, and the "
                    "{lost} parts before it are lost; --only NAME makes one part alone, --quick a "
                    "shorter page"
                ).format(place=place, count=len(names), name=name, lost=len(found))
            ) from None
    return found


def destination(path: Path) -> Path:
    """The page's file: the path itself, or ``chapter.html`` in a folder."""
    return path / "chapter.html" if path.is_dir() else path
