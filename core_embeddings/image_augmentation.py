"""Other views of a product photo, for training: moved, mirrored, lighter, darker, never recoloured.

Colour is a label here, so what usually helps a network most (hue, saturation, grey) is left out.
All pictures stand on white, so what a view uncovers at a border is white, too.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

_SMALLEST_AREA = 0.6  # of the photo that a crop shows
_STRETCH = 0.15  # log of the ratio of the sides
_SHIFT = 0.04  # of the side, besides what the crop leaves free
_TURN = 7 * math.pi / 180
_LIGHT = 0.08  # relative change of the distance from white
_WHITE = 255.0


def augmented(
    pixels: Tensor, *, strength: float, generator: torch.Generator, side: int | None = None
) -> Tensor:
    """Draw one view of each photo.

    Parameters
    ----------
    pixels
        uint8 of shape (n, side, side, 3), sRGB on white.
    strength
        0 gives the photos themselves; 1 crops of 60 to 100 % of the area, half of them mirrored,
        stretched by 15 %, turned by 7 degrees and shifted by 4 % at most, 8 % lighter or darker.
        In between everything but the mirror is scaled.
    generator
        Source of chance; the same state gives the same views.
    side
        Of the views, by default that of the photos. A crop shows things larger than the photo
        does, so views may be smaller than the photos a network sees later.

    Returns
    -------
    float32 of shape (n, 3, side, side) on the scale 0 to 255, channels-last in memory.

    Notes
    -----
    Light multiplies the distance of each pixel from white, per photo and for all channels alike:
    white stays white and a grey stays grey. It is the one step that touches colour at all.

    References
    ----------
    Szegedy et al., "Going deeper with convolutions", 2015, for crops of random area and ratio;
    Touvron et al., "Fixing the train-test resolution discrepancy", 2019, for smaller views.
    """
    photos = pixels.permute(0, 3, 1, 2).float()  # (n, 3, side, side)
    if strength == 0 and side is None:
        return photos.contiguous(memory_format=torch.channels_last)
    ink = (_WHITE - photos).contiguous(memory_format=torch.channels_last)
    shape = [len(photos), 3, side or photos.shape[2], side or photos.shape[3]]
    places = _placements(len(photos), strength, generator)
    grid = F.affine_grid(places, shape, align_corners=False)
    moved = F.grid_sample(ink, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    light = 1 + strength * _LIGHT * _spread(len(photos), generator)
    return (_WHITE - moved * light.view(-1, 1, 1, 1)).clamp(0, _WHITE)


def _placements(count: int, strength: float, generator: torch.Generator) -> Tensor:
    """Return affine maps (n, 2, 3) from a view's place, in [-1, 1], to the photo's."""
    area = 1 - strength * (1 - _SMALLEST_AREA) * torch.rand(count, generator=generator)
    stretch = (strength * _STRETCH * _spread(count, generator)).exp()
    width, height = (area * stretch).sqrt(), (area / stretch).sqrt()
    mirror = torch.randint(2, (count,), generator=generator) * 2.0 - 1
    turn = strength * _TURN * _spread(count, generator)
    right, down = (
        ((1 - side).abs() + strength * _SHIFT) * _spread(count, generator)
        for side in (width, height)
    )
    rows = [
        *(width * mirror * turn.cos(), -height * turn.sin(), right),
        *(width * mirror * turn.sin(), height * turn.cos(), down),
    ]
    return torch.stack(rows, dim=1).view(count, 2, 3)


def _spread(count: int, generator: torch.Generator) -> Tensor:
    return 2 * torch.rand(count, generator=generator) - 1
