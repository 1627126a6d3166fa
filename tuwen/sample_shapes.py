# ruff: noqa: E501 -- outlines read best with one part per line
"""The silhouettes of the sample's products, as plain data on a 100 × 100 board.

A shape is a list of parts painted in order. Points are (x, y) with y downwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["polygon", "blob", "ellipse", "box", "line"]
Paint = Literal["fabric", "trim", "dark", "pale", "metal", "clear"]
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Part:
    """One painted area or stroke.

    Parameters
    ----------
    kind
        ``polygon`` has sharp corners, ``blob`` rounded ones; ``ellipse`` and ``box`` take two corners;
        ``line`` is a stroke through its points, smoothed.
    paint
        ``fabric`` carries the product's colour and pattern, ``trim`` a darker plain tone of the same colour;
        ``clear`` cuts through to the background; the others are fixed greys.
    points
        Coordinates, 0-100.
    width
        Stroke width of a ``line``, corner radius of a ``box``.
    """

    kind: Kind
    paint: Paint
    points: Points
    width: float = 1.0


def _mirror(points: Points) -> Points:
    """Return the left half of an outline followed by its mirror image."""
    return (*points, *((100 - x, y) for x, y in reversed(points)))


_TROUSERS = ((30, 10), (28, 40), (23, 92), (43, 92), (50, 38))
_DRESS = ((38, 8), (36, 20), (33, 26), (38, 46), (16, 90), (32, 94))

SHAPES: Final[dict[str, tuple[Part, ...]]] = {
    "tshirt": (
        Part("polygon", "fabric", _mirror(((38, 14), (26, 18), (6, 40), (19, 51), (28, 43), (28, 90)))),
        Part("ellipse", "clear", ((39, 6), (61, 23))),
        Part("line", "trim", ((39, 14), (42, 21), (50, 24), (58, 21), (61, 14)), 2.4),
        Part("line", "trim", ((8, 42), (19, 52)), 1.6),
        Part("line", "trim", ((92, 42), (81, 52)), 1.6),
    ),
    "shirt": (
        Part("polygon", "fabric", _mirror(((40, 12), (27, 16), (10, 78), (20, 82), (29, 50), (29, 92)))),
        Part("polygon", "trim", ((40, 8), (50, 20), (42, 27), (35, 12))),
        Part("polygon", "trim", ((60, 8), (50, 20), (58, 27), (65, 12))),
        Part("line", "trim", ((50, 20), (50, 92)), 1.6),
        *(Part("ellipse", "pale", ((51.2, y), (54.4, y + 3.2))) for y in (32, 45, 58, 71)),
        Part("polygon", "trim", ((10, 74), (21, 77), (20, 83), (8, 80))),
        Part("polygon", "trim", ((90, 74), (79, 77), (80, 83), (92, 80))),
    ),
    "sweater": (
        Part("blob", "fabric", _mirror(((39, 14), (25, 18), (14, 40), (5, 76), (17, 82), (27, 54), (27, 84)))),
        Part("ellipse", "clear", ((40, 6), (60, 19))),
        Part("line", "trim", ((37, 12), (42, 19), (50, 21), (58, 19), (63, 12)), 5.0),
        Part("box", "trim", ((26, 80), (74, 90)), 3),
        Part("polygon", "trim", ((4, 74), (17, 79), (15, 86), (2, 81))),
        Part("polygon", "trim", ((96, 74), (83, 79), (85, 86), (98, 81))),
    ),
    "trousers": (
        Part("polygon", "fabric", (*_TROUSERS, *((100 - x, y) for x, y in reversed(_TROUSERS[:-1])))),
        Part("box", "trim", ((29.5, 8), (70.5, 15)), 1),
        Part("line", "trim", ((50, 14), (50, 38)), 1.4),
        Part("line", "trim", ((31, 24), (37, 22), (40, 15)), 1.4),
        Part("line", "trim", ((69, 24), (63, 22), (60, 15)), 1.4),
        Part("ellipse", "metal", ((48.4, 10), (51.6, 13.2))),
    ),
    "skirt": (
        Part("polygon", "fabric", _mirror(((33, 20), (12, 82), (30, 88), (46, 90)))),
        Part("box", "trim", ((32, 15), (68, 23)), 2),
        *(Part("line", "trim", ((x, 24), (50 + (x - 50) * 2.1, 86)), 1.1) for x in (40, 50, 60)),
    ),
    "dress": (
        Part("polygon", "fabric", _mirror(_DRESS)),
        Part("ellipse", "clear", ((41, 1), (59, 19))),
        Part("line", "trim", ((37, 46), (50, 48), (63, 46)), 4.0),
        Part("line", "trim", ((44, 52), (34, 88)), 1.0),
        Part("line", "trim", ((56, 52), (66, 88)), 1.0),
    ),
    "sneaker": (
        Part("blob", "fabric", ((6, 36), (20, 30), (32, 40), (46, 36), (62, 52), (86, 58), (96, 70), (94, 76), (6, 76))),
        Part("blob", "trim", ((6, 36), (18, 32), (22, 60), (18, 74), (6, 74))),
        Part("box", "pale", ((4, 73), (97, 83)), 5),
        Part("box", "dark", ((5, 81), (96, 85)), 2),
        *(Part("line", "pale", ((x, 40 + d), (x + 8, 50 + d)), 2.6) for x, d in ((42, 0), (49, 5), (56, 10))),
        Part("line", "pale", ((24, 66), (40, 62), (58, 58)), 3.4),
    ),
    "boot": (
        Part("blob", "fabric", ((30, 8), (64, 8), (62, 46), (70, 56), (90, 64), (94, 82), (28, 82), (30, 46))),
        Part("box", "trim", ((30, 8), (64, 18)), 3),
        Part("polygon", "dark", ((27, 81), (94, 81), (94, 88), (52, 88), (50, 94), (27, 94))),
        Part("line", "trim", ((60, 48), (52, 60), (32, 62)), 1.6),
        Part("line", "metal", ((38, 10), (38, 60)), 1.6),
    ),
    "heel": (
        Part("blob", "fabric", ((8, 34), (16, 24), (26, 36), (46, 60), (72, 66), (95, 76), (96, 84), (60, 82), (28, 60), (16, 54))),
        Part("polygon", "trim", ((10, 44), (22, 52), (18, 66), (16, 90), (11, 90), (11, 64))),
        Part("line", "dark", ((22, 57), (44, 76), (66, 85), (96, 85)), 2.4),
        Part("line", "trim", ((26, 36), (46, 60), (72, 66)), 1.4),
    ),
    "backpack": (
        Part("line", "trim", ((40, 16), (42, 5), (58, 5), (60, 16)), 4.0),
        Part("box", "trim", ((12, 46), (26, 84)), 7),
        Part("box", "trim", ((74, 46), (88, 84)), 7),
        Part("box", "fabric", ((20, 12), (80, 92)), 20),
        Part("line", "dark", ((22, 42), (50, 45), (78, 42)), 1.6),
        Part("box", "trim", ((30, 54), (70, 84)), 7),
        Part("line", "metal", ((34, 61), (66, 61)), 1.6),
        Part("box", "dark", ((46, 59), (54, 66)), 2),
    ),
    "handbag": (
        Part("line", "dark", ((32, 40), (34, 16), (50, 9), (66, 16), (68, 40)), 4.4),
        Part("polygon", "fabric", ((16, 36), (84, 36), (94, 88), (6, 88))),
        Part("polygon", "trim", ((15, 36), (85, 36), (86.5, 45), (13.5, 45))),
        Part("box", "metal", ((45, 42), (55, 53)), 2),
        Part("polygon", "trim", ((7, 82), (93, 82), (94, 88), (6, 88))),
    ),
    "cap": (
        Part("blob", "fabric", ((14, 64), (14, 44), (28, 24), (48, 19), (66, 28), (74, 46), (74, 64))),
        Part("blob", "trim", ((40, 58), (74, 54), (92, 62), (98, 72), (72, 68), (42, 69))),
        Part("line", "trim", ((46, 20), (38, 38), (37, 64)), 1.3),
        Part("line", "trim", ((48, 20), (62, 36), (64, 56)), 1.3),
        Part("ellipse", "trim", ((43, 16), (51, 22))),
    ),
    "mug": (
        Part("ellipse", "trim", ((60, 32), (94, 72))),
        Part("ellipse", "clear", ((67, 40), (86, 64))),
        Part("box", "fabric", ((16, 20), (72, 88)), 8),
        Part("ellipse", "trim", ((16, 15), (72, 27))),
        Part("ellipse", "dark", ((20, 17), (68, 25))),
    ),
    "lamp": (
        Part("box", "metal", ((47, 50), (53, 84)), 1),
        Part("polygon", "fabric", ((34, 10), (66, 10), (86, 54), (14, 54))),
        Part("polygon", "trim", ((16, 50), (84, 50), (86, 54), (14, 54))),
        Part("ellipse", "dark", ((28, 82), (72, 94))),
        Part("line", "metal", ((62, 54), (62, 68)), 1.0),
        Part("ellipse", "metal", ((60.4, 67), (63.6, 71))),
    ),
    "cushion": (
        Part("polygon", "fabric", ((8, 10), (50, 15), (92, 10), (87, 50), (92, 90), (50, 85), (8, 90), (13, 50))),
        Part("line", "trim", ((10, 12), (50, 17), (90, 12)), 1.6),
        Part("line", "trim", ((10, 88), (50, 83), (90, 88)), 1.6),
        Part("ellipse", "trim", ((46.5, 46.5), (53.5, 53.5))),
    ),
    "phone": (
        Part("box", "trim", ((27, 5), (73, 95)), 9),
        Part("box", "fabric", ((29, 7), (71, 93)), 8),
        Part("box", "dark", ((33, 11), (54, 35)), 6),
        *(Part("ellipse", "metal", ((x, y), (x + 7, y + 7))) for x, y in ((35, 13), (45, 13), (35, 25))),
        Part("ellipse", "pale", ((47, 27), (51, 31))),
    ),
    "headphones": (
        Part("line", "fabric", ((18, 60), (18, 30), (34, 12), (50, 9), (66, 12), (82, 30), (82, 60)), 11.0),
        Part("box", "dark", ((24, 50), (36, 86)), 6),
        Part("box", "dark", ((64, 50), (76, 86)), 6),
        Part("box", "fabric", ((7, 46), (29, 90)), 11),
        Part("box", "fabric", ((71, 46), (93, 90)), 11),
        Part("line", "trim", ((18, 54), (18, 82)), 2.0),
        Part("line", "trim", ((82, 54), (82, 82)), 2.0),
    ),
}  # fmt: skip
"""Parts by shape name."""
