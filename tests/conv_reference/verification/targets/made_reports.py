"""Reports made by hand: a right one, a wrong one, a hostile one, and one of any size."""

from __future__ import annotations

from dataclasses import replace

from conv_reference.verification.model.difference import Axis, Difference, Sheet
from conv_reference.verification.model.notes import Note, NoteKind, Unjudged
from conv_reference.verification.model.picture import Part, Picture, Plane, Term
from conv_reference.verification.model.result import CheckResult, Coverage, Finding, Report, Verdict

ENVIRONMENT = {
    "python": "3.11.2",
    "torch": "2.13.0",
    "machine": "x86_64",
    "cpu": "avx2 fma",
    "device": "cpu",
    "threads": "1",
}
GRIDS = """\
X        K      G
 1  2     1      1 [2]
 3  4     2
"""
EXPLANATION = """\
dX[0,0,1,1]: takes part in 2 outputs;
  should be G[0]·K[1] + G[1]·K[0],
  is        G[1]·K[0]"""
PICTURE = Picture(
    operands=(
        Plane("G", "G", (0, 0), (("1", "2"),)),
        Plane("K", "K", (0, 0), (("3", "7"),)),
    ),
    should=Plane("dX", "dX", (0, 0), (("3", "13", "14"),)),
    actual=Plane("dX", "dX", (0, 0), (("3", "6", "14"),)),
    terms=(
        Term((("G", (0, 0, 0, 0)), ("K", (0, 0, 0, 1))), Part.LACKING),
        Term((("G", (0, 0, 0, 1)), ("K", (0, 0, 0, 0))), Part.SHOULD),
    ),
)
#: The last row of dX is wrong, on a case of ordinary size.
MAPPED = Difference(
    "dX",
    "n1 c2 h3 w5 o1 k1x2 s1 p0 d1 g1",
    "contiguous",
    axes=(
        Axis("sample", 1, (0,)),
        Axis("channel", 2, (0, 1)),
        Axis("row", 3, (2,)),
        Axis("column", 5, (0, 1, 2, 3, 4)),
    ),
    differing=10,
    sheets=(
        Sheet("dX[0,0]", ("00000", "00000", "13424")),
        Sheet("dX[0,1]", ("00000", "00000", "4444n")),
    ),
    hidden=3,
    bits=((9, 4), (10, 6)),
    expected_bits=24,
)
SNIPPET = """\
import torch
from my_kernels import conv2d

X = torch.arange(1.0, 5.0).reshape(1, 1, 2, 2).requires_grad_()
K = torch.arange(1.0, 3.0).reshape(1, 1, 1, 2)
conv2d(X, K).backward(torch.tensor([[[[1.0], [2.0]]]]))
print(X.grad[0, 0, 1, 1])"""
GEOMETRY = "n1 c1 h2 w2 o1 k1x2 s1 p0 d1 g1"
CASE = f"certificate float32 {GEOMETRY}"
EXACT, ROUNDED, WRONG = Verdict.EXACT, Verdict.ROUNDED, Verdict.WRONG
UNSUPPORTED = Verdict.UNSUPPORTED


def row(name: str, dtype: str = "float32", verdict: Verdict = EXACT, **more: object) -> CheckResult:
    """One row of checks; a certificate's unless named otherwise."""
    values: dict[str, object] = {
        "geometries": 9_100,
        "cases": 11_200,
        "effective_bits": None,
        "miss_bound": None,
    }
    if name in {"forward", "grad_input", "grad_weight"} and verdict == EXACT:
        values["miss_bound"] = {"float32": 2.4e-7, "float64": 1.1e-16}.get(dtype, 0.21)
    return CheckResult(name=name, dtype=dtype, verdict=verdict, **(values | more))  # type: ignore[arg-type]  # any field


def finding(**changes: object) -> Finding:
    """dX without one of its two products, in float32."""
    changes = {"of_numbers": changes.get("verdict", WRONG) == WRONG, **changes}
    if "explanation" in changes:
        changes = {"seen": str(changes["explanation"]).partition("\n")[0], **changes}
    made = Finding(
        check="grad_input",
        dtype="float32",
        verdict=WRONG,
        quantity="dX",
        geometry=GEOMETRY,
        layout="contiguous",
        seed=7,
        index=(0, 0, 1, 1),
        expected="17",
        actual="5",
        explanation=EXPLANATION,
        seen=EXPLANATION.partition("\n")[0],
        reproduce=f"conv-reference verify my_kernels:conv2d --case '{CASE}' --seed 7",
        case=CASE,
        snippet=SNIPPET,
        cause="Perhaps the last column of the upstream gradient is lost.",
        circumstances="All 812 have sw > 1, kw > 1; no other with that passed.",
        occurrences=812,
        grids=GRIDS,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # any field


RIGHT = Report(
    target="my_kernels:conv2d",
    environment=ENVIRONMENT,
    seed=7,
    require=ROUNDED,
    planned=11_300,
    judged=11_300,
    checks=(
        *(row(n, d) for d in ("float32", "float64") for n in ("shapes", "forward", "grad_input")),
        *(
            row(
                "precision",
                dtype,
                ROUNDED,
                effective_bits=bits - 1.2,
                expected_bits=float(bits),
                bound="componentwise",
                real=True,
                cases=24,
                bits=((bits - 2, 3), (bits - 1, 19), (bits, 2)),
            )
            for dtype, bits in (("float32", 24), ("float64", 53))
        ),
        row("vmap", "float32", UNSUPPORTED, geometries=0, cases=0, reason="it has no vmap rule"),
        row("vmap", "float64", UNSUPPORTED, geometries=0, cases=0, reason="it has no vmap rule"),
    ),
    findings=(),
    coverage=Coverage(pairs=1_412, possible_pairs=1_412, triples=20_110, possible_triples=31_000),
    seconds=14.31,
)

_KNOWN = finding(
    check="nonfinite",
    verdict=Verdict.RAISED,
    quantity="Y",
    geometry="n0 c1 h1 w1 o1 k1 s1 p0 d1 g1",
    index=(),
    explanation="RuntimeError: no kernel for an empty batch",
    known="empty-batch-2024",
    cause="",
    snippet="",
    grids="",
    occurrences=1,
)
FAULTY = replace(
    RIGHT,
    judged=9_000,
    checks=(
        row("forward", "float32"),
        row("forward", "float64"),
        row("grad_input", "float32", WRONG),
        row("grad_input", "float64", WRONG),
        row(
            "grad_weight",
            "float32",
            ROUNDED,
            effective_bits=16.4,
            expected_bits=24.0,
            bound="normwise",
        ),
        row("adjointness", "float32", WRONG),
        row("nonfinite", "float32", Verdict.RAISED, known=True),
        row("jvp", "float64", UNSUPPORTED, geometries=0, cases=0, reason="it has no jvp rule"),
        row("vmap", "-", UNSUPPORTED, geometries=0, cases=0, reason="it has no vmap rule"),
    ),
    findings=(
        _KNOWN,
        finding(),
        finding(dtype="float64", occurrences=790),
        finding(check="adjointness", quantity="⟨dX, X⟩", index=(), cause="", occurrences=3),
        finding(layout="X=sliced", geometry="n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1", occurrences=2),
    ),
    notes=(
        Note(
            NoteKind.OBSERVED,
            "padding's zeros are multiplied: an infinite kernel element makes NaN at the border",
        ),
        Note(
            NoteKind.NOT_REACHED,
            "not reached, for the clock cut the run: 2,300 cases of certificate",
        ),
    ),
    stale=("large-batch-2023",),
)

HOSTILE = "</pre></script><script>alert('&\"')</script>\x1b[31m\x00|`@everyone` [x](http://evil)"


def pictured(**changes: object) -> Finding:
    """dX[0,0,0,1] lacks the first of its two products, and is drawn."""
    return finding(
        geometry="n1 c1 h1 w3 o1 k1x2 s1 p0 d1 g1",
        index=(0, 0, 0, 1),
        picture=PICTURE,
        differences=(MAPPED,),
        **changes,
    )


def hostile() -> Report:
    """Every text that can come from a target tries to break out of its place."""
    fence = f"{HOSTILE}\n```\n~~~\n</details>\n# big\n]]>\n<!-- \ud800 \ufffe \u202e"
    bad = finding(
        check=f"grad_input{HOSTILE}",
        quantity=f"dX{HOSTILE}",
        layout=HOSTILE,
        expected=HOSTILE,
        actual=HOSTILE,
        explanation=fence,
        reproduce=fence,
        snippet=fence,
        cause=fence,
        grids=fence,
        case=HOSTILE,
        geometry=HOSTILE,
        picture=Picture(
            operands=(Plane(HOSTILE, HOSTILE, (0, 0), ((HOSTILE, "1"),)),),
            should=Plane(HOSTILE, HOSTILE, (0, 0), ((HOSTILE,),)),
            actual=Plane(HOSTILE, HOSTILE, (0, 0), (("1",),)),
            terms=(Term(((HOSTILE, (0, 0, 0, 0)),), Part.ADDED),),
        ),
        differences=(
            replace(
                MAPPED,
                quantity=HOSTILE,
                geometry=HOSTILE,
                axes=(Axis(HOSTILE, 2, (0,)),),
                sheets=(Sheet(HOSTILE, (HOSTILE,)),),
            ),
        ),
    )
    return replace(
        FAULTY,
        target=f"evil{HOSTILE}:f",
        environment=ENVIRONMENT | {"cpu": HOSTILE},
        checks=(
            row(f"grad_input{HOSTILE}", "float32", WRONG, effective_bits=float("nan")),
            row("forward", "float32", ROUNDED, effective_bits=float("inf"), expected_bits=24.0),
            row("jvp", "float32", UNSUPPORTED, reason=fence, cases=0, geometries=0),
        ),
        findings=(bad, replace(bad, known=HOSTILE), replace(bad, dtype="float64")),
        notes=(Note(NoteKind.OBSERVED, fence),),
        stale=(HOSTILE,),
        unjudged=(Unjudged(HOSTILE, HOSTILE, HOSTILE),),
        seconds=float("inf"),
    )


BROKEN_CASE = Unjudged(
    "vmap",
    "vmap float32 n1 c1 h2 w3 o1 k1x2 s1 p0 d1 g1",
    "ZeroDivisionError: by zero",
)
#: Right in all that was judged; on one case the engine itself failed.
UNJUDGED = replace(RIGHT, unjudged=(BROKEN_CASE,))


def of_size(count: int) -> Report:
    """A report with as many findings, none of which goes with another."""
    findings = tuple(
        finding(
            geometry=f"n1 c1 h{2 + i} w2 o1 k1x2 s1 p0 d1 g1",
            cause=f"Perhaps row {i} of the upstream gradient is lost.",
        )
        for i in range(count)
    )
    return replace(FAULTY if count else RIGHT, findings=findings)
