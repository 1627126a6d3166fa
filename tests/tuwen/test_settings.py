"""Settings: TOML, overrides and presets become one checked value."""

import pytest

from core_embeddings.errors import ConfigError
from tuwen.settings import FitConfig, read_settings


def test_the_default_settings_are_the_default_object():
    assert read_settings() == FitConfig()
    assert FitConfig.from_settings({}) == FitConfig()


@pytest.mark.parametrize("overrides", [(), ("preset=article",), ("epochs=3", "factors=8")])
def test_settings_survive_a_round_trip(overrides):
    config = read_settings(None, overrides)
    assert FitConfig.from_settings(config.as_settings()) == config


def test_overrides_win_over_the_file_and_the_file_over_the_preset(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text(
        '[embedder]\npreset = "article"\nepochs = 4\nbatch_size = 8\n[search]\ntemperature = 0.5\n'
    )
    config = read_settings(file, ["epochs=2"])
    assert (config.embedder.preset, config.embedder.rnn) == ("article", "lstm")
    assert (config.embedder.epochs, config.embedder.batch_size) == (2, 8)
    assert config.search.temperature == 0.5


def test_a_key_in_several_sections_must_be_named_in_full():
    with pytest.raises(ConfigError, match=r"'threads' fits several sections: .*recommend\.threads"):
        read_settings(None, ["threads=2"])
    assert read_settings(None, ["recommend.threads=2"]).recommend.threads == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epocs=3", "unknown setting 'epocs'; did you mean 'epochs'"),
        ("epochs", "--set takes key=value"),
        ("embedder.epochs=many", "embedder.epochs must be of type int"),
        ("preset=best", "embedder.preset must be one of"),
        ("embedder.min_count=0", "embedder.min_count must be at least 1; got 0"),
        ("buckets=0", "embedder.buckets must be at least 1; got 0"),
        ("max_words=-1", "embedder.max_words must be at least 0; got -1"),
        ("patience=0", "embedder.patience must be at least 1; got 0"),
        ("split.train=0.9", "must be above 0 and sum to 1"),
        ("recent=1.5", "split.recent must be between 0 and 1"),
        ("temperature=0", "search.temperature must be above 0"),
        ("user_weight=2", "search.user_weight must be from 0 to 1"),
        ("report_k=0", "baseline.report_k must be at least 1"),
    ],
)
def test_a_wrong_setting_is_named(override, message):
    with pytest.raises(ConfigError, match=message):
        read_settings(None, [override])


def test_an_unknown_section_in_the_file_is_refused(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text("[embeder]\nepochs = 4\n")
    with pytest.raises(ConfigError, match="unknown setting 'embeder'; did you mean 'embedder'"):
        read_settings(file)
    with pytest.raises(ConfigError, match="embedder is a section of settings"):
        FitConfig.from_settings({"embedder": 3})


def test_the_first_day_of_the_recent_part_is_a_day():
    assert read_settings(overrides=["split.recent_from=2020-09-20"]).split.recent_from
    with pytest.raises(ConfigError, match=r"split.recent_from must be a day as 2020-09-20"):
        read_settings(overrides=["split.recent_from=soon"])
