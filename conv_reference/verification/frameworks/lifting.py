"""A function of a framework's arrays, lifted into torch's modes.

The backward pass of the lifted function is the lifted vjp, its jvp the lifted jvp, its vmap the
lifted vmap, and of all of these again the same. So every mixture that torch can ask for reaches
the framework's own transforms, and no check knows that it is not torch that answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.frameworks.changed import change_alike
from conv_reference.verification.frameworks.contract import Framework, Function

_MOST_HELD = 96  # transforms of one function: each may hold a compiled program for each shape


class AdapterError(ValueError):
    """What an adapter handed back is not what the contract asks for."""


class Some:
    """A function of some of its arguments, the others held.

    Args:
        whole: of all of them.
        which: of them are given.
        primals: all of them.
    """

    def __init__(self, whole: Function, which: Sequence[bool], primals: Sequence[Any]) -> None:
        self.whole, self.which, self.primals = whole, tuple(which), tuple(primals)
        self.__name__ = getattr(whole, "__name__", "some")  # compilers ask for it

    @property
    def moving(self) -> tuple[Any, ...]:
        """Those of the primals that are given."""
        return tuple(p for w, p in zip(self.which, self.primals, strict=True) if w)

    def __call__(self, *given: Any) -> tuple[Any, ...]:
        """The function's answers at these, and the others as they are held."""
        rest = iter(given)
        return self.whole(
            *(next(rest) if w else p for w, p in zip(self.which, self.primals, strict=True))
        )


class Made:
    """A transform of a function.

    Args:
        function: the transform.
        words: how it was made, the same in each run.
    """

    def __init__(self, function: Function, words: str) -> None:
        self.function, self.words = function, words
        self.__name__ = getattr(function, "__name__", "made")  # compilers ask for it

    def __call__(self, *given: Any) -> tuple[Any, ...]:
        """Its answers."""
        return self.function(*given)


class Node:
    """A function of a framework's arrays, what is compiled of it, and its transforms.

    Args:
        framework: whose arrays and transforms.
        function: answers a tuple.
        in_dims: that it is mapped over, if it is.
    """

    def __init__(
        self, framework: Framework, function: Function, in_dims: tuple[int | None, ...] = ()
    ) -> None:
        self.framework, self.function, self.in_dims = framework, function, in_dims
        self._compiled: Function | None = None
        self._transforms: dict[Any, Node] = {}

    def run(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The answers as tensors in memory of their own.

        Raises:
            NotImplementedError: in place of what the adapter says is a refusal.
            AdapterError: where the answer is no tuple of arrays.
        """
        # No framework knows of torch's sign beside the memory. What torch cannot detach, as under
        # ``is_grads_batched``, no adapter has met.
        return self.asked([tensor.detach().resolve_neg() for tensor in tensors])

    def asked(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The adapter's part of ``run``: all of its methods are called below here."""
        framework = self.framework
        try:
            if self._compiled is None:
                self._compiled = framework.jit(self.function)
            arrays = [framework.to(tensor) for tensor in tensors]
            found = self._compiled(*arrays)
            answers = tuple(map(framework.back, _listed(found, self.function)))
        except NotImplementedError:
            raise
        except BaseException as error:  # a panic of Rust's is no Exception
            said = str(error)
            if any(isinstance(error, kind) and text in said for kind, text in framework.refusals):
                raise NotImplementedError(said) from error
            raise
        change_alike(framework, tensors, arrays)
        if self.in_dims:
            _require_mapped(answers, tensors, self.in_dims)
        return answers

    def pullback(self, outputs: int, wanted: tuple[bool, ...]) -> Node:
        """The wanted gradients, of the cotangents and then the primals."""
        framework, function = self.framework, self.function

        def pullback(*given: Any) -> tuple[Any, ...]:
            held = Some(function, wanted, given[outputs:])
            found = framework.vjp(held, held.moving, given[:outputs])
            return _one_each(found, len(held.moving), "vjp", "gradient", "primal")

        return self._transform(("vjp", outputs, wanted), pullback)

    def pushforward(self, outputs: int, moving: tuple[bool, ...]) -> Node:
        """The tangents of the answers, of the tangents that are there and then the primals."""
        framework, function, count = self.framework, self.function, sum(moving)

        def pushforward(*given: Any) -> tuple[Any, ...]:
            held = Some(function, moving, given[count:])
            found = framework.jvp(held, held.moving, given[:count])
            return _one_each(found, outputs, "jvp", "tangent", "answer")

        return self._transform(("jvp", outputs, moving), pushforward)

    def mapped(self, in_dims: tuple[int | None, ...]) -> Node:
        """The function mapped over these dimensions; what is mapped comes first."""
        framework, function = self.framework, self.function

        def mapped(*given: Any) -> tuple[Any, ...]:
            return framework.vmap(function, in_dims)(*given)

        return self._transform(("vmap", in_dims), mapped, in_dims)

    def _transform(
        self, key: Any, function: Function, in_dims: tuple[int | None, ...] = ()
    ) -> Node:
        if key not in self._transforms:
            if len(self._transforms) >= _MOST_HELD:
                self._transforms.clear()
            words = f"{key} of {getattr(self.function, 'words', '')}"
            self._transforms[key] = Node(self.framework, Made(function, words), in_dims)
        return self._transforms[key]


class Lifted(torch.autograd.Function):
    """A node as a function of tensors; called ``Lifted.apply(node, *tensors)``."""

    backward_is = "vjp"  # what a report calls it

    @staticmethod
    def forward(node: Node, *tensors: Tensor) -> Any:
        """The answer, or a tuple of several."""
        found = node.run(*tensors)
        return found if len(found) > 1 else found[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep what the transforms read."""
        ctx.node = inputs[0]
        ctx.save_for_backward(*inputs[1:])
        ctx.save_for_forward(*inputs[1:])
        ctx.set_materialize_grads(False)
        ctx.likes = [(t.shape, t.dtype, t.device) for t in _several(output)]

    @staticmethod
    def backward(ctx: Any, *G: Tensor | None) -> Any:
        """The lifted vjp: the gradients that are asked for, and no others."""
        wanted = tuple(ctx.needs_input_grad[1:])
        if all(g is None for g in G) or not any(wanted):
            return (None,) * (len(wanted) + 1)
        cotangents = [
            torch.zeros(like[0], dtype=like[1], device=like[2]) if g is None else g
            for g, like in zip(G, ctx.likes, strict=True)
        ]
        pull = ctx.node.pullback(len(cotangents), wanted)
        found = iter(_several(lift(pull, *cotangents, *ctx.saved_tensors)))
        return None, *(next(found) if w else None for w in wanted)

    @staticmethod
    def jvp(ctx: Any, _: Any, *tangents: Tensor | None) -> Any:
        """The lifted jvp."""
        moving = tuple(t is not None for t in tangents)
        push = ctx.node.pushforward(len(ctx.likes), moving)
        given = (t for t in tangents if t is not None)
        return lift(push, *given, *ctx.saved_tensors)

    @staticmethod
    def vmap(_: Any, in_dims: Any, node: Node, *tensors: Tensor) -> Any:
        """The lifted vmap."""
        found = lift(node.mapped(tuple(in_dims[1:])), *tensors)
        return found, tuple(0 for _ in found) if isinstance(found, tuple) else 0


def lift(node: Node, *tensors: Tensor) -> Any:
    """What the node answers, differentiable and mappable in torch."""
    return Lifted.apply(node, *tensors)  # type: ignore[no-untyped-call]  # torch's is untyped


def _several(answer: Any) -> tuple[Any, ...]:
    return tuple(answer) if isinstance(answer, tuple | list) else (answer,)


def _listed(found: Any, function: Function) -> Iterator[Any]:
    if not isinstance(found, tuple | list):
        raise AdapterError(
            f"a function of arrays must answer a tuple, got {type(found).__name__} of "
            f"{getattr(function, '__name__', type(function).__name__)}"
        )
    return iter(found)


def _require_mapped(
    answers: Sequence[Tensor], tensors: Sequence[Tensor], in_dims: Sequence[int | None]
) -> None:
    pairs = zip(tensors, in_dims, strict=True)
    size = next(tensor.shape[dim] for tensor, dim in pairs if dim is not None)
    for answer in answers:
        if answer.shape[:1] != (size,):
            raise AdapterError(
                f"vmap must answer {size} samples along the first axis of each answer, also of one "
                f"that does not depend on what is mapped; got shape {tuple(answer.shape)}"
            )


def _one_each(found: Any, count: int, method: str, answer: str, each: str) -> tuple[Any, ...]:
    """What a transform answers, which is one array for each of so many.

    Raises:
        AdapterError: where it is none.
    """
    said = f"{method} must answer"
    if not isinstance(found, tuple | list):
        raise AdapterError(
            f"{said} a tuple of one {answer} for each {each}, got {type(found).__name__}"
        )
    if len(found) != count:
        raise AdapterError(
            f"{said} one {answer} for each {each}: {count} asked for, got {len(found)}"
        )
    if any(one is None for one in found):
        raise AdapterError(f"{said} arrays, zeros where nothing depends; got None")
    return tuple(found)
