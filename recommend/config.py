"""Settings of the recommender, checked where they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from core_embeddings.errors import ConfigError

EVENT_WEIGHTS: Final = {"purchase": 1.0, "cart": 0.5, "view": 0.2, "rating": 1.0}
"""What one event says about taste, relative to a purchase."""

BOUGHT_EVENTS: Final = ("purchase", "rating")
"""What says that somebody has a product already; who rates one is taken to own it."""


@dataclass(frozen=True)
class RecommenderConfig:
    """How histories are weighed, factors are learned and lists are put together.

    Parameters
    ----------
    event_weights
        Weight per event word, added to (or replacing) the defaults: purchase 1, cart .5, view .2,
        rating 1.
    bought_events
        A product with one of these events is left out of that user's lists, whatever the event
        weighs; what was only viewed or put in a cart may be listed again. Each needs a weight.
    rating_max
        A rating of this value counts in full; lower ones in proportion, a rating without value by
        half.
    half_life_days
        Age at which an event counts half; ``None`` keeps all of it.
    popularity_half_life_days, trend_half_life_days
        The same for the slow and the fast popularity.
    factors, iterations, regularization, alpha
        Of the implicit-feedback matrix factorisation (Hu, Koren, Volinsky, 2008).
    cold_regularization
        Ridge penalty of the map from content vector to item factor, for products nobody met.
    recent_items
        How many of the last items the "more like what you just met" part looks at.
    neighbours
        Kept per product in the item-item part.
    k
        List length that the weights are learned for (ndcg@k).
    newcomer_cost
        Share of the validation ndcg@k that may be given up so that products nobody met appear.
    validation_users
        At most so many users of each kind (with and without history) decide the weights.
    validation_share
        Share of the latest interactions used as validation window where no ``valid_from`` is given.
    threads
        Threads of the factorisation.
    """

    event_weights: dict[str, float] = field(default_factory=lambda: dict(EVENT_WEIGHTS), hash=False)
    bought_events: tuple[str, ...] = BOUGHT_EVENTS
    rating_max: float = 5.0
    half_life_days: float | None = 90.0
    popularity_half_life_days: float = 7.0
    trend_half_life_days: float = 1.0
    factors: int = 128
    iterations: int = 15
    regularization: float = 1.0
    alpha: float = 10.0
    cold_regularization: float = 1.0
    recent_items: int = 10
    neighbours: int = 100
    k: int = 12
    newcomer_cost: float = 0.005
    validation_users: int = 3000
    validation_share: float = 0.2
    threads: int = 1

    def __post_init__(self) -> None:
        merged = EVENT_WEIGHTS | {str(k).lower(): float(v) for k, v in self.event_weights.items()}
        object.__setattr__(self, "event_weights", merged)
        for event, weight in merged.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise ConfigError(
                    f"event_weights.{event} must be a finite number of at least 0; got {weight!r}"
                )
        self._check_bought_events()
        for name in ("factors", "iterations", "recent_items", "neighbours", "k", "threads"):
            self._check(name, at_least=1)
        self._check("validation_users", at_least=0)
        for name in ("rating_max", "alpha", "popularity_half_life_days", "trend_half_life_days"):
            self._check(name, above=0)
        if self.half_life_days is not None:
            self._check("half_life_days", above=0)
        for name in ("regularization", "cold_regularization"):
            self._check(name, at_least=0)
        if not 0 <= self.newcomer_cost < 1:
            raise ConfigError(
                f"newcomer_cost must be at least 0 and below 1; got {self.newcomer_cost!r}"
            )
        if not 0 < self.validation_share < 1:
            raise ConfigError(
                f"validation_share must lie between 0 and 1; got {self.validation_share!r}"
            )

    def _check_bought_events(self) -> None:
        events = tuple(str(event).lower() for event in self.bought_events)
        object.__setattr__(self, "bought_events", events)
        for event in events:
            if event not in self.event_weights:
                raise ConfigError(
                    f"bought_events names {event!r}, which has no weight; known: "
                    f"{', '.join(sorted(self.event_weights))}. Correct it, or add it to "
                    "event_weights"
                )

    def _check(
        self, name: str, *, at_least: float | None = None, above: float | None = None
    ) -> None:
        value = getattr(self, name)
        low = not math.isfinite(value)
        low = low or (at_least is not None and value < at_least)
        low = low or (above is not None and value <= above)
        if low:
            bound = f"at least {at_least}" if at_least is not None else f"above {above}"
            raise ConfigError(f"{name} must be a finite number {bound}; got {value!r}")
