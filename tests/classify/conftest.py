"""A tiny catalogue in which the shape is seen, the season is written, and the kind needs both."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

SHAPES = ("round", "square", "star")
SEASONS = ("summer", "winter", "夏天")


class Shop(NamedTuple):
    products: pd.DataFrame
    views: dict[str, np.ndarray]
    split: np.ndarray


def make_shop(n_products=240, seed=0):
    rng = np.random.default_rng(seed)
    shape, season = rng.integers(0, 3, n_products), rng.integers(0, 3, n_products)
    image = np.eye(3)[shape] + 0.15 * rng.normal(size=(n_products, 3))
    text = np.eye(3)[season] + 0.15 * rng.normal(size=(n_products, 3))
    products = pd.DataFrame(
        {
            "product_id": [f"p{row:04d}" for row in range(n_products)],
            "title": [f"thing for {SEASONS[code]}" for code in season],
            "description": "",
            "brand": "",
            "category": [f"{SHAPES[a]} > {SEASONS[b]}" for a, b in zip(shape, season, strict=True)],
            "shape": [SHAPES[code] for code in shape],
            "season": [SEASONS[code] for code in season],
            "same": "only",
            "noise": rng.choice(["x", "y"], n_products),
        }
    )
    fused = np.hstack([image, text])
    views = {
        name: np.asarray(X, np.float32)
        for name, X in {"fused": fused, "image": image, "text": text}.items()
    }
    split = np.where(np.arange(n_products) % 4 == 0, "test", "train").astype(object)
    split[np.arange(n_products) % 4 == 1] = "val"
    return Shop(products, views, split)


@pytest.fixture(scope="session")
def shop():
    return make_shop()
