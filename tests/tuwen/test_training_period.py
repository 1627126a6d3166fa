"""What lists are measured on is after the cut; what may be learned from is before it."""

import pandas as pd

from tuwen.settings import SplitConfig
from tuwen.training_period import training_period


def log(days):
    times = pd.to_datetime([f"2020-09-{day:02d}T12:00" for day in days], utc=True)
    return pd.DataFrame({"user_id": "u", "product_id": "p", "timestamp": times, "day": days})


def test_nothing_from_the_first_measured_day_on_is_learned_from():
    found = training_period(log([18, 19, 20, 21]), SplitConfig(recent_from="2020-09-20"))
    assert found["day"].tolist() == [18, 19]


def test_without_a_day_the_share_decides_the_cut():
    found = training_period(log(range(1, 11)), SplitConfig(recent=0.3))
    assert found["day"].tolist() == list(range(1, 8))


def test_where_no_time_cuts_everything_may_be_learned_from():
    one_day = log([5, 5, 5])
    assert training_period(one_day, SplitConfig()).equals(one_day)
