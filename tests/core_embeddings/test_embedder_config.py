import pytest

from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.errors import ConfigError


@pytest.mark.parametrize(
    "name", ["category", "hard_negatives", "hard_margin", "hard_after", "co_purchase"]
)
def test_a_negative_weight_is_refused_by_name(name):
    with pytest.raises(ConfigError, match=rf"embedder\.{name} must be at least 0; got -1"):
        EmbedderConfig.from_settings({name: -1})


@pytest.mark.parametrize(("name", "value"), [("text_lean", 11.0), ("text_residual", -0.1)])
def test_a_balance_out_of_range_is_refused(name, value):
    with pytest.raises(ConfigError, match=rf"embedder\.{name} must be"):
        EmbedderConfig.from_settings({name: value})


def test_one_purchase_per_user_makes_no_pair_and_is_refused_before_any_work():
    with pytest.raises(ConfigError, match=r"embedder\.co_purchase_cap must be at least 2; got 1"):
        EmbedderConfig.from_settings({"co_purchase_cap": 1})


def test_four_heads_share_a_width_they_divide():
    EmbedderConfig.from_settings({"fusion": "gated", "tower_size": 10})
    with pytest.raises(ConfigError, match=r"tower_size must be a multiple of 4 .*; got 10"):
        EmbedderConfig.from_settings({"fusion": "tokens", "tower_size": 10})


def test_an_unknown_fusion_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="weighed"):
        EmbedderConfig.from_settings({"fusion": "mixed"})


def test_the_article_is_balanced_by_nothing():
    article = EmbedderConfig.for_preset("article")
    assert (article.text_residual, article.text_lean) == (0.0, 0.0)


def test_how_an_embedder_is_computed_is_no_part_of_what_it_is():
    torch = EmbedderConfig.from_settings({"engine": "torch", "precision": "float32"})
    assert torch.deciding() == EmbedderConfig().deciding()
    assert EmbedderConfig.from_settings({"epochs": 3}).deciding() != torch.deciding()
