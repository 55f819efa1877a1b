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
ANIMATION = "kernel.gif"
DIVERGED = 1
TO_BE_MENDED = 1
INTERRUPTED = 130
HELP = "the chapter's experiment: a kernel learns to be an edge detector"
DESCRIPTION = (
    "The chapter's experiment: a kernel learns to be an edge detector. With "
    "--html, the whole chapter as an illustrated page, every claim of it run."
)
EPILOG: tuple[str, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the experiment, and of what is made of it."""
    _add_training(parser)
    _add_pages(parser)


def _add_training(parser: argparse.ArgumentParser) -> None:
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
        "--animation",
        action="store_true",
        help="also make a moving picture of the kernel's way, kernel.gif, or in the page",
    )


def _add_pages(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--html",
        type=Path,
        metavar="OUT",
        help="build the illustrated page of the whole chapter: every claim, run; a few minutes",
    )
    parser.add_argument(
        "--notebook",
        type=Path,
        metavar="OUT",
        help="write the chapter as a Jupyter notebook, its cells to be run",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="with --html or --notebook: fewer images, rougher numbers",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PART",
        choices=[
            "code",
            "experiment",
            "filters",
            "exercise-1",
            "exercise-2",
            "exercise-3",
            "advantages",
            "check-your-own",
        ],
        help="with --html or --notebook: one part of it; may be repeated",
    )
    parser.add_argument(
        "--language",
        choices=["en", "he"],
        default="en",
        help="of the page, and of what is printed (en)",
    )
    parser.add_argument(
        "--check",
        metavar="FILE[:LAYER]",
        help="hold a layer of your own, written as the chapter has it, against the definition",
    )
    parser.add_argument(
        "--raw", action="store_true", help="exercise 1: leave the pixels as they are, 0..255"
    )


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    return int(height), int(width or height)


_size.__name__ = "size"  # argparse names it when it refuses a value


def run(arguments: argparse.Namespace) -> int:
    """Carry the experiment out, build the page or check a layer.

    Returns:
        0; 1 when it diverged, or the layer is to be mended; 130 when it was interrupted, with
        what was reached printed.

    Raises:
        ValueError: when an option is outside its range, or a file is not what it should be.
        OSError: when data are missing or the folder cannot be written.
        ImportError: when matplotlib is missing.
    """
    import torch

    if arguments.check is not None:
        return _check(arguments)
    settings = _settings(arguments)
    if find_spec("matplotlib") is None:
        raise ImportError("the figures need matplotlib: pip install matplotlib")
    threads = torch.get_num_threads()
    # The tensors are small: a second thread costs more than it gains, and changes the rounding.
    torch.set_num_threads(1)
    try:
        if arguments.html is not None and arguments.notebook is not None:
            raise ValueError("--html and --notebook are two commands")
        if arguments.html is not None:
            return _page(arguments, settings)
        if arguments.notebook is not None:
            return _notebook(arguments)
        if arguments.quick or arguments.only:
            raise ValueError("--quick and --only go with --html or --notebook")
        return _experiment(arguments, settings)
    finally:
        torch.set_num_threads(threads)


def _check(arguments: argparse.Namespace) -> int:
    if arguments.html is not None or arguments.notebook is not None:
        raise ValueError("--check goes without --html and --notebook")
    from conv_reference.chapter.language import translations
    from conv_reference.chapter.own.check import check_file
    from conv_reference.chapter.own.said import refused
    from conv_reference.chapter.own.words import words

    _ = translations(arguments.language).gettext
    try:
        checked = check_file(arguments.check)
    except ValueError as error:
        raise ValueError(refused(str(error), _)) from error
    print(words(checked, _))
    return 0 if checked.right else TO_BE_MENDED


def _page(arguments: argparse.Namespace, settings: Settings) -> int:
    if find_spec("latex2mathml") is None:
        raise ImportError("the page needs latex2mathml: pip install latex2mathml")
    if arguments.raw:
        raise ValueError("--raw goes without --html: the page's exercise 1 is about raw pixels")
    from conv_reference.chapter import building
    from conv_reference.chapter.data import load
    from conv_reference.chapter.language import translations

    _ = translations(arguments.language).gettext
    path = building.destination(arguments.html)
    output.require_writable(path.parent)
    request = building.Request(
        settings=settings,
        images=arguments.images,
        quick=arguments.quick,
        language=arguments.language,
        only=arguments.only,
        animated=arguments.animation,
        options=_given(arguments),
    )

    def report(line: str) -> None:
        print(line, flush=True)

    try:
        html = building.build(load(arguments.data), request, report)
    except KeyboardInterrupt as interrupted:
        print(interrupted.args[0] if interrupted.args else _("interrupted: no page is written"))
        return INTERRUPTED
    output.write_whole(path, html.encode())
    print(_("The page: {path}").format(path=path))
    return 0


def _notebook(arguments: argparse.Namespace) -> int:
    from conv_reference.chapter.language import translations
    from conv_reference.chapter.notebook.writing import write

    _ = translations(arguments.language).gettext
    output.require_writable(arguments.notebook.parent)
    written = write(
        language=arguments.language,
        only=arguments.only,
        data=arguments.data,
        images=arguments.images,
        quick=arguments.quick,
        seed=arguments.seed,
    )
    output.write_whole(arguments.notebook, written.encode())
    print(_("The notebook: {path}").format(path=arguments.notebook))
    return 0


def _given(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The options that differ from their defaults, as they are typed; of the run alone."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words: list[str] = []
    for option in (
        "data",
        "images",
        "seed",
        "lr",
        "batch_size",
        "epochs",
        "init",
        "target",
        "layer",
    ):
        value = getattr(arguments, option)
        if value != parser.get_default(option):
            words += [f"--{option.replace('_', '-')}", str(value)]
    if arguments.kernel_size != parser.get_default("kernel_size"):
        words += ["--kernel-size", "x".join(map(str, arguments.kernel_size))]
    return tuple(words)


def _experiment(arguments: argparse.Namespace, settings: Settings) -> int:
    from conv_reference.chapter.data import load
    from conv_reference.chapter.language import translations
    from conv_reference.chapter.summary import summary
    from conv_reference.chapter.training import Run

    output.require_writable(arguments.output)
    images = load(arguments.data).images(arguments.images)
    trained = Run(images * 255 if arguments.raw else images, settings)
    interrupted = _train(trained)
    if trained.done == 0:
        raise KeyboardInterrupt
    _ = translations(arguments.language).gettext
    print(summary(trained, _))
    if trained.diverged:
        return DIVERGED

    from conv_reference.chapter.figures import chapter, files

    path = arguments.output / FIGURES.get(settings.target, f"{settings.target}.png")
    figure = chapter.draw(images[0], trained.kernel, settings.fixed_kernel(), settings.target)
    output.write_whole(path, files.png(figure))
    print("\n" + _("The figure: {path}").format(path=path))
    if arguments.animation:
        from conv_reference.chapter.figures import animation

        moving = arguments.output / ANIMATION
        output.write_whole(moving, animation.gif(trained))
        print(_("The moving picture: {path}").format(path=moving))
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
