"""``conv-reference chapter``: options, effects and what is printed."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conv_reference.chapter.training import Progress, Run

FIGURE = "edge-detector.png"
_NOTE = (
    "K subtracts the rows above from the rows below: it answers to horizontal edges,\n"
    "though the chapter calls it a detector of vertical ones."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the experiment."""
    parser.add_argument("--data", type=Path, metavar="DIR", help="the folder of Fashion-MNIST")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        default=Path("chapter-output"),
        help="where the figure is written (chapter-output)",
    )
    parser.add_argument("--lr", type=float, default=0.1, help="the learning rate (0.1)")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="(64)")
    parser.add_argument("--epochs", type=int, default=1, metavar="N", help="(1)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="(0)")
    parser.add_argument(
        "--init",
        choices=["unit", "scaled"],
        default="unit",
        help="the first kernel: U[0, 1], or exercise 2's U[-1/√K, 1/√K] (unit)",
    )
    parser.add_argument(
        "--images", type=int, metavar="N", help="learn from the first N images only"
    )
    parser.add_argument(
        "--literal",
        action="store_true",
        help="compute each position by itself, as the chapter writes it; slow",
    )


def run(arguments: argparse.Namespace) -> int:
    """Carry the experiment out.

    Returns:
        0.

    Raises:
        ValueError: when an option is outside its range, or a file is not what it should be.
        OSError: when data are missing or the folder cannot be written.
        ImportError: when matplotlib is missing.
    """
    from conv_reference.chapter.data import load_images
    from conv_reference.chapter.training import Settings, train

    settings = Settings(
        learning_rate=arguments.lr,
        batch_size=arguments.batch_size,
        epochs=arguments.epochs,
        init=arguments.init,
        seed=arguments.seed,
        literal=arguments.literal,
    )
    if find_spec("matplotlib") is None:
        raise ImportError('the figure needs matplotlib: pip install "conv-reference[chapter]"')
    _require_writable(arguments.output)
    images = load_images(arguments.data)
    if arguments.images is not None:
        if not 1 <= arguments.images <= len(images):
            raise ValueError(f"--images must be from 1 to {len(images)}, got {arguments.images}")
        images = images[: arguments.images]

    from conv_reference.chapter import figure

    with _progress() as progress:
        result = train(images, settings, progress)
    path = arguments.output / FIGURE
    figure.save(figure.draw(images[0], result.kernel), path)
    print(_summary(result))
    print(f"\nThe figure: {path}")
    return 0


def _require_writable(folder: Path) -> None:
    """Find out now, not after minutes of training."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def _summary(result: Run) -> str:
    from conv_reference.chapter.training import EDGE_DETECTOR

    learned = result.kernel.tolist()
    rows = [
        "  ".join(f"{value:+9.5f}" for value in row)
        + "      "
        + " ".join(f"{value:+.0f}".replace("+0", " 0") for value in fixed)
        for row, fixed in zip(learned, EDGE_DETECTOR, strict=True)
    ]
    difference = max(
        abs(a - b)
        for row, fixed in zip(learned, EDGE_DETECTOR, strict=True)
        for a, b in zip(row, fixed, strict=True)
    )
    last = min(100, len(result.losses))
    return "\n".join(
        (
            f"{result.images} images, {len(result.losses)} minibatches, "
            f"learning rate {result.settings.learning_rate:g}, seed {result.settings.seed}",
            f"loss: {result.losses[0]:.4f} at first, {result.final_loss:.3g} "
            f"over the last {last} minibatches",
            "",
            f"{'learned kernel':^31}      {'K':^8}".rstrip(),
            *rows,
            "",
            f"greatest difference: {difference:.3g}",
            _NOTE,
        )
    )


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """A bar on a terminal where rich is installed; nothing in a pipe or a log."""
    if find_spec("rich") is None:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("training"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("loss {task.fields[loss]:.2e}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("training", total=None, loss=float("nan"))

        def show(done: int, total: int, loss: float) -> None:
            bar.update(task, completed=done, total=total, loss=loss)

        yield show
