"""Copy into noxfile.py; put your target in place of my_kernels:conv2d."""

import os

import nox

# What pip finds: a checkout, a wheel, an address, or its name on your own index.
CONV_REFERENCE = os.environ.get("CONV_REFERENCE", "../conv-reference")


@nox.session
def convolution(session: nox.Session) -> None:
    """Red where the convolution is not what the baseline says."""
    session.install(CONV_REFERENCE, ".")
    options = session.posargs or ["--on-found", "warn"]
    session.run(
        "conv-reference",
        "verify",
        "my_kernels:conv2d",
        "--baseline",
        "conv-baseline.json",
        *options,
    )
