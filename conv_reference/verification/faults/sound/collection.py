"""Every sound convolution in one table."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn import functional

from conv_reference.verification.faults.direct import conv2d as over_windows
from conv_reference.verification.faults.sound import right, rules, unusual
from conv_reference.verification.faults.sound.routes import ROUTES

SOUND: dict[str, Any] = {
    "direct": over_windows,
    "conv2d": functional.conv2d,
    "Conv2d": nn.Conv2d,
    **ROUTES,
    "Im2col": right.Im2col,
    "fft": right.fft,
    "winograd_2": right.winograd_2,
    "winograd_4": right.winograd_4,
    "numpy_adapter": right.numpy_adapter,
    "Layer": right.Layer,
    "PlaneLayer": right.PlaneLayer,
    "with_rules": right.with_rules,
    **{
        name.replace(" ", "_").replace("-", "_"): function
        for name, function in unusual.ALL.items()
        if name != "FFT"
    },
    "input_gradient_by_autograd": rules.input_gradient_by_autograd,
    "all_gradients_at_once": rules.all_gradients_at_once,
    "bias_gradient_by_product": rules.bias_gradient_by_product,
    "weight_gradient_by_samples": rules.weight_gradient_by_samples,
    "answers_with_gaps": rules.answers_with_gaps,
}


def __getattr__(name: str) -> Any:
    """The convolution of this name, which is a target by it."""
    if name not in SOUND:
        raise AttributeError(f"no sound convolution is called {name}")
    return SOUND[name]
