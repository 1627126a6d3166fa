"""The head start: as much as the budget bears, nothing where nothing speaks for it."""

import numpy as np
import pytest

from recommend.blend import FEW, Candidates
from recommend.newcomers import SHARES, search_head_start

PARTS = ("mf", "content", "recent", "popular")
WEIGHTS = {"mf": 0.0, "content": 0.0, "recent": 0.0, "popular": 1.0}


def candidates(wants_newcomer, wants_old):
    """Columns: two the crowd meets, one newcomer that fits everybody. Popularity leads."""
    n = wants_newcomer + wants_old
    gains = np.zeros((n, 3), np.float32)
    gains[:wants_newcomer, 2] = 1
    gains[wants_newcomer:, 0] = 1
    scores = np.zeros((4, n, 3), np.float32)
    scores[:3, :, 2], scores[3, :, :2] = 1, [1.0, 0.5]
    new = np.tile([False, False, True], (n, 1))
    each = np.ones(n, int)
    return Candidates(
        PARTS, scores, np.ones((n, 3), bool), gains, each, new, each * (gains[:, 2] > 0)
    )


def test_newcomers_that_pay_for_themselves_are_let_in():
    found = search_head_start(candidates(20, 5), WEIGHTS, 1, cost=0.0)
    assert found.share == max(SHARES)
    assert (found.recall_before, found.recall, found.ndcg) == pytest.approx((0, 1, 0.8))


def test_what_costs_more_than_the_budget_is_not_bought():
    few_want_it = candidates(FEW, 95)
    # Above a share of 1 the newcomer takes the one place: 95 lists lose, 5 win.
    tight = search_head_start(few_want_it, WEIGHTS, 1, cost=0.1)
    assert 0 < tight.share <= 1 and tight.recall == 0 and tight.ndcg == pytest.approx(0.95)
    loose = search_head_start(few_want_it, WEIGHTS, 1, cost=0.95)
    assert loose.share > 1 and loose.recall == 1 and loose.ndcg == pytest.approx(0.05)


def test_too_few_users_who_met_a_newcomer_speak_for_none():
    found = search_head_start(candidates(FEW - 1, 0), WEIGHTS, 1, cost=0.5)
    assert found.share == 0 and found.recall == found.recall_before
