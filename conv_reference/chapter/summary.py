"""A run in words: the loss, and the learned kernel beside K."""

from __future__ import annotations

from collections.abc import Callable

from conv_reference.chapter.curvature import curvature
from conv_reference.chapter.training import Run

_SAMPLE = 1000  # images that give the greatest learning rate well enough

Gettext = Callable[[str], str]


def summary(run: Run, _: Gettext = str) -> str:
    """What the command prints, for a run that has seen at least one minibatch.

    Args:
        run: finished, stopped or diverged.
        _: translates a sentence; English where not given.
    """
    if run.diverged:  # its numbers say nothing
        return "\n".join(_head(run, _))
    return "\n".join((*_head(run, _), "", *_kernels(run, _), "", *_tail(run, _)))


def _head(run: Run, _: Gettext) -> list[str]:
    settings = run.settings
    lines = [
        _("{images} images, {minibatches} minibatches, learning rate {rate}, seed {seed}").format(
            images=len(run.images),
            minibatches=run.of,
            rate=f"{settings.learning_rate:g}",
            seed=settings.seed,
        )
    ]
    if run.diverged:
        return [
            *lines,
            _(
                "diverged: the loss was {first} at first, and after {done} minibatches the "
                "numbers left the range of float32; on these images the learning rate must stay "
                "below 1/λmax = {limit} (exercise 1 of --html says why)"
            ).format(first=f"{run.losses[0]:.4g}", done=run.done, limit=f"{_limit(run):.3g}"),
        ]
    lines.append(
        _("loss: {first} at first, {last} over the last {count} minibatches").format(
            first=f"{run.losses[0]:.4f}", last=f"{run.final_loss:.3g}", count=min(100, run.done)
        )
    )
    if run.done < run.of:
        lines.append(
            _(
                "interrupted: {done} minibatches of {of} are done, and this is the kernel "
                "as it stood; the next run begins anew"
            ).format(done=run.done, of=run.of)
        )
    return lines


def _limit(run: Run) -> float:
    return curvature(run.images[:_SAMPLE], run.settings.kernel_size).threshold


def _kernels(run: Run, _: Gettext) -> list[str]:
    left = ["  ".join(f"{value:+9.5f}" for value in row) for row in run.kernel.tolist()]
    fixed = run.settings.fixed_kernel().tolist()
    cells = [[f"{value:+.3g}".replace("+0", " 0", value == 0) for value in row] for row in fixed]
    wide = max(len(cell) for row in cells for cell in row)
    right = [" ".join(f"{cell:>{wide}}" for cell in row) for row in cells]
    learned = _("learned kernel")
    title = f"{learned:^{len(left[0])}}      {'K':^{len(right[0])}}".rstrip()
    return [title, *(f"{a}      {b}" for a, b in zip(left, right, strict=True))]


def _tail(run: Run, _: Gettext) -> list[str]:
    lines = [_("greatest difference: {error}").format(error=f"{run.error:.3g}")]
    if run.settings.target == "edge":
        lines += [
            _("K subtracts the rows above from the rows below: it answers to horizontal edges,"),
            _("though the chapter calls it a detector of vertical ones."),
        ]
    return lines
