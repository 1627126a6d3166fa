"""A small shop whose right answers follow from how it is built.

Even users meet even products, odd users odd ones; user i never meets product i. So the one product
of the right kind that is left to recommend to user i is product i.
"""

import numpy as np
import pandas as pd
import pytest

from core_embeddings.ids import IdMap
from recommend.config import RecommenderConfig

SIDE = 12


@pytest.fixture
def config():
    return RecommenderConfig(factors=4, iterations=8, k=3, recent_items=3)


@pytest.fixture
def products():
    return IdMap([f"p{i:02d}" for i in range(SIDE)])


@pytest.fixture
def vectors():
    """Even products point one way, odd ones another, with a little of their own."""
    own = np.random.default_rng(1).normal(scale=0.05, size=(SIDE, 6))
    own[np.arange(SIDE), np.arange(SIDE) % 2] += 1
    return (own / np.linalg.norm(own, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def checkerboard():
    """Without times, so that nothing decays and nothing is validated."""
    pairs = [(u, p) for u in range(SIDE) for p in range(SIDE) if u % 2 == p % 2 and u != p]
    return table([(f"u{u:02d}", f"p{p:02d}") for u, p in pairs])


@pytest.fixture
def timed():
    """Forty users in two camps over ten days; each meets the products of the camp in turn."""
    rows = []
    for user in range(40):
        for step in range(5):
            product = (2 * (user + step) + user % 2) % SIDE
            rows.append((f"u{user:02d}", f"p{product:02d}", "purchase", 2 * step + user % 2))
    return table(rows)


def table(rows):
    """Rows of (user, product, event, day); the last two may be left out."""
    filled = [(*row, *("purchase", None)[len(row) - 2 :]) for row in rows]
    frame = pd.DataFrame(filled, columns=["user_id", "product_id", "event", "day"])
    days = pd.to_timedelta(pd.to_numeric(frame.pop("day")), unit="D")
    frame["value"] = np.nan
    frame["timestamp"] = pd.Timestamp("2024-01-01", tz="UTC") + days
    return frame


@pytest.fixture(name="table")
def table_fixture():
    return table
