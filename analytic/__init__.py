"""The derivation of convolution's gradients, by symbolic differentiation of its definition.

Independent of everything it is compared with: of all packages, sympy only.

Example:
    >>> from analytic import Geometry, derive
    >>> derivation = derive(Geometry(input=(2, 3), kernel=(1, 2)))
    >>> derivation.output[0, 0, 1, 1]
    K_{0,0}*X_{1,1} + K_{0,1}*X_{1,2}
    >>> derivation.gradient_input.elements[0, 0, 1, 1]
    G_{1,0}*K_{0,1} + G_{1,1}*K_{0,0}
    >>> derivation.holds
    True

A geometry is also read from the text that findings print (`parse_geometry`, `geometry_text`).
Beside `derive` there are, for one geometry, `jacobian` (a sparse symbolic matrix), `generate` (a
function of numpy or torch) and `Derivation.evaluate` and `Derivation.with_values` (numbers, from
`Values` or `parse_values`); for all of them at once, `analytic.theorem`.
"""

from analytic.calculus.differentiation import jacobian
from analytic.calculus.generation import generate
from analytic.calculus.geometry import Geometry, GeometryError
from analytic.calculus.notation import NameClashError, Names
from analytic.calculus.spelling import geometry_text, parse_geometry
from analytic.calculus.values import Values, ValuesError, parse_values
from analytic.derivation import Derivation, derive

__all__ = [
    "Derivation",
    "Geometry",
    "GeometryError",
    "NameClashError",
    "Names",
    "Values",
    "ValuesError",
    "derive",
    "generate",
    "geometry_text",
    "jacobian",
    "parse_geometry",
    "parse_values",
]
