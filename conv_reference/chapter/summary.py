"""A run in words: the loss, and the learned kernel beside K."""

from __future__ import annotations

from conv_reference.chapter.curvature import curvature
from conv_reference.chapter.training import Run

_SAMPLE = 1000  # images that tell the greatest learning rate well enough

_NOTE = (
    "K subtracts the rows above from the rows below: it answers to horizontal edges,\n"
    "though the chapter calls it a detector of vertical ones."
)


def summary(run: Run) -> str:
    """What the command prints, for a run that has seen at least one minibatch."""
    if run.diverged:  # its numbers say nothing
        return "\n".join(_head(run))
    return "\n".join((*_head(run), "", *_kernels(run), "", *_tail(run)))


def _head(run: Run) -> list[str]:
    settings = run.settings
    first = run.losses[0]
    lines = [
        f"{len(run.images)} images, {run.of} minibatches, "
        f"learning rate {settings.learning_rate:g}, seed {settings.seed}",
    ]
    if run.diverged:
        return [
            *lines,
            f"diverged: the loss was {first:.4g} at first, and after {run.done} minibatches the "
            "numbers left the range of float32; on these images the learning rate must stay below "
            f"1/λmax = {_limit(run):.3g} (exercise 1 of --html says why)",
        ]
    lines.append(
        f"loss: {first:.4f} at first, {run.final_loss:.3g} "
        f"over the last {min(100, run.done)} minibatches"
    )
    if run.done < run.of:
        lines.append(
            f"interrupted: {run.done} minibatches of {run.of} are done, and this is the kernel "
            "as it stood; the next run begins anew"
        )
    return lines


def _limit(run: Run) -> float:
    return curvature(run.images[:_SAMPLE], run.settings.kernel_size).threshold


def _kernels(run: Run) -> list[str]:
    left = ["  ".join(f"{value:+9.5f}" for value in row) for row in run.kernel.tolist()]
    fixed = run.settings.fixed_kernel().tolist()
    cells = [[f"{value:+.3g}".replace("+0", " 0", value == 0) for value in row] for row in fixed]
    wide = max(len(cell) for row in cells for cell in row)
    right = [" ".join(f"{cell:>{wide}}" for cell in row) for row in cells]
    title = f"{'learned kernel':^{len(left[0])}}      {'K':^{len(right[0])}}".rstrip()
    return [title, *(f"{a}      {b}" for a, b in zip(left, right, strict=True))]


def _tail(run: Run) -> list[str]:
    return [
        f"greatest difference: {run.error:.3g}",
        *([_NOTE] if run.settings.target == "edge" else []),
    ]
