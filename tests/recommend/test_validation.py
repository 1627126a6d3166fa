import numpy as np
import pandas as pd
import pytest

from core_embeddings.tracking import NullRun
from recommend.blend import DEFAULT_BLEND
from recommend.factors import fit_factors
from recommend.histories import build_histories, latest, normalise_interactions
from recommend.signals import build_signals
from recommend.validation import cut_window, learn_blend, log_fit


def learned(window, products, vectors, config):
    as_of = latest(window.before)
    histories = build_histories(window.before, products, config, as_of=as_of)
    factors = fit_factors(histories.strength, config)
    signals = build_signals(
        window.before, products, vectors, config, histories=histories, factors=factors, as_of=as_of
    )
    return learn_blend(signals, window.after, products, config)


def test_the_window_splits_in_time_and_loses_nothing(timed):
    met = normalise_interactions(timed)
    window = cut_window(met, valid_from=None, share=0.2)
    assert window.before["timestamp"].max() < window.start <= window.after["timestamp"].min()
    assert len(window.before) + len(window.after) == len(met)


def test_the_window_starts_where_it_is_told_to(timed):
    met = normalise_interactions(timed)
    for moment in (pd.Timestamp("2024-01-07"), pd.Timestamp("2024-01-07", tz="UTC")):
        window = cut_window(met, valid_from=moment, share=0.5)
        assert window.start == pd.Timestamp("2024-01-07", tz="UTC")
        assert window.after["timestamp"].min() == window.start


@pytest.mark.parametrize("day", ["2023-01-01", "2025-01-01"])
def test_a_window_with_an_empty_side_is_none(timed, day):
    moment = pd.Timestamp(day, tz="UTC")
    assert cut_window(normalise_interactions(timed), valid_from=moment, share=0.2) is None


def test_without_times_there_is_no_window(checkerboard):
    met = normalise_interactions(checkerboard)
    assert cut_window(met, valid_from=None, share=0.2) is None


def test_the_blend_reaches_at_least_the_best_part(timed, products, vectors, config):
    window = cut_window(normalise_interactions(timed), valid_from=None, share=0.2)
    found = learned(window, products, vectors, config)
    warm = {k: v for k, v in found.metrics.items() if k.startswith("warm.")}
    assert warm.pop("warm.blend") >= max(warm.values()) > 0
    assert found.users == {"warm": 40, "cold": 0}
    assert found.blend.cold == DEFAULT_BLEND.cold  # nobody cold to learn from


def test_pairs_met_before_are_not_looked_for(timed, products, vectors, config):
    """A window that only repeats leaves nothing to learn from."""
    met = normalise_interactions(timed)
    again = met.assign(timestamp=met["timestamp"] + pd.Timedelta(days=100))
    both = pd.concat([met, again], ignore_index=True)
    window = cut_window(both, valid_from=pd.Timestamp("2024-03-01", tz="UTC"), share=0.2)
    found = learned(window, products, vectors, config)
    assert found.users == {"warm": 0, "cold": 0} and found.metrics == {}
    assert found.blend == DEFAULT_BLEND


class KeepingRun(NullRun):
    def __init__(self):
        self.params, self.metrics = {}, {}

    def log_params(self, params):
        self.params |= params

    def log_metrics(self, metrics, step=None):
        self.metrics |= metrics


def test_settings_weights_and_scores_are_logged_flat(timed, products, vectors, config):
    window = cut_window(normalise_interactions(timed), valid_from=None, share=0.2)
    found, run = learned(window, products, vectors, config), KeepingRun()
    log_fit(run, config, found)
    assert run.params["recommender.factors"] == 4
    assert run.params["recommender.event_weights.cart"] == 0.5
    assert run.metrics["weight.warm.mf"] == found.blend.warm["mf"]
    assert run.metrics["weight.head_start"] == found.blend.head_start
    assert run.metrics["valid.newcomers.recall"] == found.metrics["newcomers.recall"]
    assert run.metrics["valid_ndcg.warm.blend"] == found.metrics["warm.blend"]
    assert all(np.isfinite(value) for value in run.metrics.values())
