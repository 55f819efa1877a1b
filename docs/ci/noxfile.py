"""Copy into noxfile.py; put your target in place of my_kernels:conv2d."""

import nox


@nox.session
def convolution(session: nox.Session) -> None:
    """Red where the convolution is not what the baseline says."""
    session.install("conv-reference", ".")
    options = session.posargs or ["--on-found", "warn"]
    session.run(
        "conv-reference",
        "verify",
        "my_kernels:conv2d",
        "--baseline",
        "conv-baseline.json",
        *options,
    )
