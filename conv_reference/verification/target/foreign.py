"""A framework's convolution as a target: what the plan may ask of it is what the adapter offers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from conv_reference.operands import Operands
from conv_reference.quantities import Operator
from conv_reference.verification.frameworks.contract import Framework
from conv_reference.verification.frameworks.convolving import function_of
from conv_reference.verification.frameworks.opening import mistake
from conv_reference.verification.frameworks.recipe import Recipe, is_adapter
from conv_reference.verification.frameworks.thinning import thin
from conv_reference.verification.model.case import Case, Layout
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.leaves import called_on_leaves
from conv_reference.verification.target.target import Call, Offer, Target


def framework_of(implementation: Any, name: str) -> Framework | None:
    """The framework that an implementation is: a class, an instance or a recipe; None else.

    Raises:
        TargetError: when the class cannot be instantiated.
    """
    if isinstance(implementation, Framework):
        return implementation
    if inspect.isclass(implementation) and issubclass(implementation, Framework):
        try:
            return implementation()
        except Exception as error:
            raise TargetError(
                f"cannot construct {name!r}: {type_name(error)}: {message_of(error)}; accepted is "
                "a Framework whose class takes no arguments"
            ) from error
    return Recipe(implementation) if is_adapter(implementation) else None


def target_of(
    framework: Framework, name: str, operator: Operator, opened: Callable[[str], None]
) -> Target:
    """The framework as a target, after a few cases of it.

    Args:
        framework: as its adapter has it.
        name: as it is reported.
        operator: that it should compute.
        opened: called with what the adapter is asked, before each of these cases.

    Raises:
        TargetError: when the adapter itself is mistaken, or another operator is asked for.
    """
    if not operator.is_convolution:
        raise TargetError(
            f"cannot verify {name!r} as {operator.name}: a Framework is judged as conv2d"
        )
    if framework.compiles_per is not None and framework.cache is not None:
        thin(framework.cache)
    if wrong := mistake(framework, opened):
        raise TargetError(f"the adapter {name!r}: {' '.join(wrong.split())}")
    function = function_of(framework)

    def prepare(case: Case, operands: Operands) -> Call:
        geometry = case.geometry
        settled = partial(
            function,
            stride=geometry.stride,
            padding=geometry.padding,
            dilation=geometry.dilation,
            groups=geometry.groups,
        )
        return called_on_leaves(settled, case, operands)

    return Target(
        name=name,
        prepare=prepare,
        options=frozenset(framework.options),
        words=False,
        call_with=function,
        sides=framework.sides and "padding" in framework.options,
        offer=Offer(
            framework=framework.label,
            dtypes=tuple(framework.dtypes),
            layouts=tuple(Layout(name) for name in framework.layouts),
            lacks=framework.lacks,
            compiles_per=framework.compiles_per,
        ),
    )
