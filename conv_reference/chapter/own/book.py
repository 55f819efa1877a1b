"""The chapter's layer as one writes it from the book."""

NAME = "ConvLayer_1"
LAYER = """\
import torch
from torch import nn


class ConvLayer_1(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.kernel = nn.Parameter(torch.rand(*kernel_size))

    def forward(self, X):
        N, H, W = X.shape
        h, w = self.kernel.shape
        Y = torch.zeros(N, H - h + 1, W - w + 1)
        for i in range(H - h + 1):
            for j in range(W - w + 1):
                sub_image = X[:, i : i + h, j : j + w]
                Y[:, i, j] = (self.kernel * sub_image).sum(dim=(1, 2))
        return Y
"""
