"""``conv-reference chapter``: options, effects and what is printed."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from conv_reference.chapter import output

if TYPE_CHECKING:
    from conv_reference.chapter.training import Run, Settings

# The target's figure, in the folder of --output.
FIGURES = {"edge": "edge-detector.png"}
DIVERGED = 1
INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the experiment."""
    parser.add_argument("--data", type=Path, metavar="DIR", help="the folder of Fashion-MNIST")
    parser.add_argument(
        "--images", type=int, metavar="N", help="learn from the first N images only"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        default=Path("chapter-output"),
        help="where the figure is written (chapter-output)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="(0)")
    parser.add_argument("--lr", type=float, default=0.1, help="the learning rate (0.1)")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="(64)")
    parser.add_argument("--epochs", type=int, default=1, metavar="N", help="(1)")
    parser.add_argument(
        "--kernel-size",
        type=_size,
        default=(3, 3),
        metavar="N|HxW",
        help="of both kernels; a larger one holds the filter in its middle (3)",
    )
    parser.add_argument(
        "--init",
        choices=["unit", "scaled"],
        default="unit",
        help="the first kernel: U[0, 1], or exercise 2's U[-1/√K, 1/√K] (unit)",
    )
    parser.add_argument(
        "--target",
        choices=["edge", "sobel", "laplacian", "blur", "sharpen"],
        default="edge",
        help="the filter to be learned (edge)",
    )
    parser.add_argument(
        "--layer",
        choices=["chapter", "literal", "reference", "torch"],
        default="chapter",
        help="what computes both filters: the chapter's layer, all positions at once; the same "
        "position by position, as the chapter writes it, which is slow; this package's "
        "reference; torch.nn.Conv2d (chapter)",
    )
    parser.add_argument(
        "--raw", action="store_true", help="exercise 1: leave the pixels as they are, 0..255"
    )


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    return int(height), int(width or height)


_size.__name__ = "size"  # argparse names it when it refuses a value


def run(arguments: argparse.Namespace) -> int:
    """Carry the experiment out.

    Returns:
        0; 1 when it diverged; 130 when it was interrupted, with what was reached printed.

    Raises:
        ValueError: when an option is outside its range, or a file is not what it should be.
        OSError: when data are missing or the folder cannot be written.
        ImportError: when matplotlib is missing.
    """
    from conv_reference.chapter.data import load
    from conv_reference.chapter.summary import summary
    from conv_reference.chapter.training import Run

    settings = _settings(arguments)
    if find_spec("matplotlib") is None:
        raise ImportError('the figures need matplotlib: pip install "conv-reference[chapter]"')
    output.require_writable(arguments.output)
    images = load(arguments.data).images(arguments.images)
    trained = Run(images * 255 if arguments.raw else images, settings)
    interrupted = _train(trained)
    if trained.done == 0:
        raise KeyboardInterrupt
    print(summary(trained))
    if trained.diverged:
        return DIVERGED

    from conv_reference.chapter.figures import chapter, files

    path = arguments.output / FIGURES.get(settings.target, f"{settings.target}.png")
    figure = chapter.draw(images[0], trained.kernel, settings.fixed_kernel(), settings.target)
    output.write_whole(path, files.png(figure))
    print(f"\nThe figure: {path}")
    return INTERRUPTED if interrupted else 0


def _settings(arguments: argparse.Namespace) -> Settings:
    from conv_reference.chapter.training import Settings

    return Settings(
        learning_rate=arguments.lr,
        batch_size=arguments.batch_size,
        epochs=arguments.epochs,
        kernel_size=arguments.kernel_size,
        init=arguments.init,
        target=arguments.target,
        layer=arguments.layer,
        seed=arguments.seed,
    )


def _train(run: Run) -> bool:
    """Train with a progress bar.

    Returns:
        Whether it was interrupted.
    """
    try:
        _train_to_the_end(run)
    except KeyboardInterrupt:
        return True
    return False


def _train_to_the_end(run: Run) -> None:
    """A bar on a terminal where rich is installed; nothing in a pipe or a log."""
    if find_spec("rich") is None:
        run.finish()
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
        task = bar.add_task("training", total=run.of, loss=float("nan"))
        for step in run:
            bar.update(task, completed=run.done, loss=step.loss)
