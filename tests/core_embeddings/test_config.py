from dataclasses import dataclass, field
from typing import Literal

import pytest

from core_embeddings.config import apply_overrides, flatten, from_mapping, read_toml, to_mapping
from core_embeddings.embedder_config import PRESETS, EmbedderConfig
from core_embeddings.errors import ConfigError


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    mode: Literal["a", "b"] = "a"
    name: str | None = None


@dataclass(frozen=True)
class Outer:
    size: int = 3
    inner: Inner = field(default_factory=Inner)
    many: tuple[str, ...] = ()


KNOWN = to_mapping(Outer())


def test_values_from_plain_mappings_reach_nested_fields():
    made = from_mapping(Outer, {"size": 4, "inner": {"rate": 1, "name": "x"}, "many": ["p", "q"]})
    assert made == Outer(4, Inner(1.0, "a", "x"), ("p", "q"))


def test_dump_load_dump_is_equal():
    assert to_mapping(from_mapping(Outer, to_mapping(Outer()))) == to_mapping(Outer())
    for name in PRESETS:
        config = EmbedderConfig.for_preset(name)
        assert EmbedderConfig.from_settings(to_mapping(config)) == config


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"sise": 1}, "unknown setting 'sise'; did you mean 'size'"),
        ({"inner": {"rates": 1}}, "unknown setting 'inner.rates'; did you mean 'rate'"),
        ({"size": "big"}, "size must be of type int; got 'big'"),
        ({"size": True}, "size must be of type int; got True"),
        ({"inner": {"mode": "c"}}, "inner.mode must be one of 'a', 'b'; got 'c'"),
        ({"inner": 3}, "inner is a section of settings; got 3"),
        ({"many": "p"}, "many must be a list; got 'p'"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(mapping, message):
    with pytest.raises(ConfigError, match=message):
        from_mapping(Outer, mapping)


def test_overrides_take_dotted_and_short_keys_and_toml_values():
    changed = apply_overrides({}, ["inner.rate=2.5", "mode=b", "size=7"], known=KNOWN)
    assert changed == {"inner": {"rate": 2.5, "mode": "b"}, "size": 7}


def test_a_short_key_in_two_sections_must_be_spelled_out():
    known = {"x": {"seed": 1}, "y": {"seed": 2}}
    with pytest.raises(ConfigError, match=r"'seed' fits several sections: x.seed, y.seed"):
        apply_overrides({}, ["seed=3"], known=known)


def test_an_override_without_a_value_or_with_an_unknown_key_is_refused():
    with pytest.raises(ConfigError, match="--set takes key=value; got 'size'"):
        apply_overrides({}, ["size"], known=KNOWN)
    with pytest.raises(ConfigError, match="unknown setting 'rato'; did you mean 'rate'"):
        apply_overrides({}, ["rato=1"], known=KNOWN)


def test_overrides_do_not_change_what_they_are_given():
    given = {"inner": {"rate": 1.0}}
    apply_overrides(given, ["rate=3"], known=KNOWN)
    assert given == {"inner": {"rate": 1.0}}


def test_flatten_joins_names_with_dots():
    assert flatten({"a": 1, "b": {"c": 2}}) == {"a": 1, "b.c": 2}


def test_a_missing_or_broken_config_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="does not exist; check --config"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = = 1")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        read_toml(tmp_path / "bad.toml")


def test_the_article_preset_is_the_articles_network():
    config = EmbedderConfig.for_preset("article")
    assert (config.rnn, config.layers, config.rnn_size, config.word_size) == ("lstm", 2, 64, 64)
    assert (config.fusion, config.objective) == ("concat_relu", "match")
    assert EmbedderConfig.for_preset("article", epochs=3).epochs == 3


def test_an_unknown_setting_near_none_names_the_sections_only():
    with pytest.raises(ConfigError, match=r"unknown setting 'zzzz'; known sections: inner, size$"):
        apply_overrides({}, ["zzzz=1"], known={"inner": {"rate": 1}, "size": 2})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "best"}, "embedder.preset must be one of default, article; got 'best'"),
        ({"dropout": 1.0}, r"embedder.dropout must be in \[0, 1\); got 1.0"),
        ({"image_size": 8}, "embedder.image_size must be at least 16 pixels; got 8"),
        ({"batch_size": 1}, "embedder.batch_size must be at least 2; got 1"),
        ({"epochs": -1}, "embedder.epochs must be at least 1; got -1"),
        ({"learning_rate": 0.0}, "embedder.learning_rate must be above 0; got 0.0"),
        ({"fusion": "sum"}, "embedder.fusion must be one of 'concat_relu', 'gated', .*; got 'sum'"),
    ],
)
def test_embedder_settings_are_checked(settings, message):
    with pytest.raises(ConfigError, match=message):
        EmbedderConfig.from_settings(settings)
