"""TensorFlow alone: a gradient of a dilated convolution is compiled anew for each value.

Exits 1 where it is, 0 where the defect does not show.
"""

from __future__ import annotations

import resource
import sys
import time

import tensorflow as tf

CALLS = 20
SHAPES = ((1, 1026, 512, 2), (2, 2, 2, 2), (1, 1024, 511, 2))  # X, K and G
MEGABYTES = 4 * 1026 * 512 * 2 / 2**20  # of one X


@tf.function
def convolved(x: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
    return tf.nn.convolution(x, k, 1, "VALID", dilations=(2, 1))


def main() -> int:
    print("tensorflow", tf.__version__)
    same, kept_of_same = calls([1.0] * CALLS)
    new, kept_of_new = calls([float(i) for i in range(2, CALLS + 2)])
    print(f"the same X in each call: {same:.3f} s a call, {kept_of_same:.0f} MB more at the end")
    print(f"an X of its own in each: {new:.3f} s a call, {kept_of_new:.0f} MB more at the end")
    print(f"expected no more; {CALLS} times X are {CALLS * MEGABYTES:.0f} MB")
    return int(kept_of_new > CALLS * MEGABYTES / 2)


def calls(values: list[float]) -> tuple[float, float]:
    """Seconds of the processor that a call takes, and by how much the process grows."""

    @tf.function(jit_compile=True)
    def gradients(x: tf.Tensor, k: tf.Tensor, g: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([x, k])
            y = convolved(x, k)
        return tape.gradient(y, [x, k], g)

    of_x, of_k, of_g = SHAPES
    seconds, first = 0.0, 0.0
    for number, value in enumerate(values):
        given = tf.fill(of_x, value), tf.ones(of_k), tf.ones(of_g)
        start = time.process_time()
        dx, dk = gradients(*given)
        dx.numpy(), dk.numpy()
        if number == 0:
            first = size()
        else:
            seconds += time.process_time() - start
    return seconds / (len(values) - 1), size() - first


def size() -> float:
    """Megabytes that the process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    sys.exit(main())
