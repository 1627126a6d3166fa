"""Settings of a fit: one section per package, from TOML, ``--set`` overrides and a preset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from classify.tagger_config import TaggerConfig
from core_embeddings.config import apply_overrides, from_mapping, read_toml, to_mapping
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.errors import ConfigError
from recommend.config import RecommenderConfig


@dataclass(frozen=True)
class SplitConfig:
    """How rows are set aside.

    Parameters
    ----------
    train, val, test
        Shares of the products, by duplicate group; a ``split`` column in the catalogue wins.
    recent
        Share of the latest interactions that the recommender is evaluated on, to the day.
    recent_from
        First day of that part instead, as ``2020-09-20`` (UTC).
    """

    train: float = 0.7
    val: float = 0.1
    test: float = 0.2
    recent: float = 0.2
    recent_from: str = ""

    def __post_init__(self) -> None:
        shares = (self.train, self.val, self.test)
        if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
            raise ConfigError(
                f"split.train, val and test must be above 0 and sum to 1; got {shares}"
            )
        if not 0 < self.recent < 1:
            raise ConfigError(f"split.recent must be between 0 and 1; got {self.recent}")
        try:
            date.fromisoformat(self.recent_from or "2000-01-01")
        except ValueError:
            raise ConfigError(
                f"split.recent_from must be a day as 2020-09-20; got {self.recent_from!r}"
            ) from None


@dataclass(frozen=True)
class SearchConfig:
    """How hits are scored.

    Parameters
    ----------
    temperature
        Of the softmax over negative distances; the article's is 1.
    user_weight
        Share of the user's vector in a personal search, from 0 to 1.
    """

    temperature: float = 1.0
    user_weight: float = 0.2

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ConfigError(f"search.temperature must be above 0; got {self.temperature}")
        if not 0 <= self.user_weight <= 1:
            raise ConfigError(f"search.user_weight must be from 0 to 1; got {self.user_weight}")


@dataclass(frozen=True)
class BaselineConfig:
    """The article's own network, fitted beside ours as a row of every report.

    Parameters
    ----------
    article
        Fit it at all.
    article_epochs
        At most so many epochs; early stopping may end before.
    report_k, list_k
        List length of the report's metrics of search and of recommendation.
    """

    article: bool = True
    article_epochs: int = 10
    report_k: int = 10
    list_k: int = 10

    def __post_init__(self) -> None:
        for name in ("article_epochs", "report_k", "list_k"):
            if getattr(self, name) < 1:
                raise ConfigError(f"baseline.{name} must be at least 1; got {getattr(self, name)}")


@dataclass(frozen=True)
class FitConfig:
    """Every setting of a fit; each section belongs to the package that reads it."""

    embedder: EmbedderConfig = field(default_factory=EmbedderConfig)
    classify: TaggerConfig = field(default_factory=TaggerConfig)
    recommend: RecommenderConfig = field(default_factory=RecommenderConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    baseline: BaselineConfig = field(default_factory=BaselineConfig)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> FitConfig:
        """Build from nested plain values; what is missing comes from the preset and the defaults.

        Raises
        ------
        ConfigError
            If a section, a key or a value is wrong.
        """
        rest = {name: value for name, value in settings.items() if name != "embedder"}
        section = settings.get("embedder", {})
        if not isinstance(section, Mapping):
            raise ConfigError(f"embedder is a section of settings; got {section!r}")
        return replace(from_mapping(cls, rest), embedder=EmbedderConfig.from_settings(section))

    def as_settings(self) -> dict[str, Any]:
        """Return nested plain values; ``from_settings`` gives the config back."""
        return {name: to_mapping(getattr(self, name)) for name in self.__dataclass_fields__}


def read_settings(file: Path | None = None, overrides: Sequence[str] = ()) -> FitConfig:
    """Build the config of a fit from a TOML file and ``key=value`` overrides, which win.

    Raises
    ------
    ConfigError
        If the file does not parse, or a key or value is wrong.
    """
    settings = read_toml(file) if file else {}
    return FitConfig.from_settings(
        apply_overrides(settings, overrides, known=FitConfig().as_settings())
    )
