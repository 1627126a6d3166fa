import json

import pytest

from core_embeddings.config import from_mapping, to_mapping
from core_embeddings.errors import ConfigError
from recommend.config import RecommenderConfig


def test_default_settings_survive_json():
    config = RecommenderConfig()
    again = from_mapping(RecommenderConfig, json.loads(json.dumps(to_mapping(config))))
    assert again == config


def test_a_new_event_word_is_added_to_the_defaults():
    config = RecommenderConfig(event_weights={"Wishlist": 0.7})
    assert config.event_weights["wishlist"] == 0.7
    assert config.event_weights["purchase"] == 1.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("factors", 0),
        ("iterations", 0),
        ("recent_items", 0),
        ("neighbours", 0),
        ("k", 0),
        ("threads", 0),
        ("validation_users", -1),
        ("alpha", 0.0),
        ("rating_max", -1.0),
        ("half_life_days", 0.0),
        ("popularity_half_life_days", float("nan")),
        ("regularization", -0.1),
        ("validation_share", 1.0),
        ("newcomer_cost", 1.0),
        ("newcomer_cost", -0.1),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=name):
        RecommenderConfig(**{name: value})


def test_buying_events_are_lower_case_and_need_a_weight():
    assert RecommenderConfig(bought_events=("Purchase",)).bought_events == ("purchase",)
    rented = RecommenderConfig(bought_events=("rent",), event_weights={"rent": 1.0})
    assert rented.bought_events == ("rent",)
    with pytest.raises(ConfigError, match=r"bought_events names 'rent', .* known: cart, purchase"):
        RecommenderConfig(bought_events=("purchase", "rent"))


@pytest.mark.parametrize("weight", [-1.0, float("inf")])
def test_an_event_weight_below_zero_or_infinite_is_refused(weight):
    with pytest.raises(ConfigError, match=r"event_weights\.view"):
        RecommenderConfig(event_weights={"view": weight})
