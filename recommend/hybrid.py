"""The recommender: what a user met, what others met, and what products are, in one list."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from core_embeddings.columns import Columns
from core_embeddings.errors import ArtefactError
from core_embeddings.tracking import NullRun, Run
from recommend import storage
from recommend.config import RecommenderConfig
from recommend.factors import fit_factors
from recommend.histories import build_histories, latest, normalise_interactions
from recommend.lists import check_length, empty_lists, list_frame, rank_block, user_blocks
from recommend.progress import Progress, Steps
from recommend.similar import similar_products
from recommend.state import Catalogue, Learned, State, assemble, make_catalogue
from recommend.validation import Validated, cut_window, learn_blend, log_fit


class HybridRecommender:
    """Content, matrix factorisation, item-item neighbours and popularity, weighed on validation.

    Parameters
    ----------
    config
        Settings.
    seed
        Makes two fits on one machine equal.

    Attributes
    ----------
    validation
        The weights, and the mean ndcg@k they and each part alone reached on the validation window.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> met = pd.DataFrame({"user_id": ["u", "u", "v"], "product_id": ["a", "b", "a"]})
    >>> model = HybridRecommender().fit(met, product_ids=["a", "b"], vectors=np.eye(2))
    >>> model.recommend(["v"], k=1)["product_id"].tolist()
    ['b']
    """

    def __init__(self, config: RecommenderConfig | None = None, *, seed: int = 0) -> None:
        self.config = config or RecommenderConfig()
        self.seed = seed
        self.validation = Validated()
        self._state: State | None = None

    @property
    def product_ids(self) -> tuple[str, ...]:
        """The catalogue, sorted."""
        return self._fitted().catalogue.products.all

    @property
    def user_ids(self) -> tuple[str, ...]:
        """Everyone with history, sorted."""
        return self._fitted().signals.histories.users.all

    @property
    def state(self) -> State:
        """What the fit holds; for evaluation and storage, not to be changed."""
        return self._fitted()

    def fit(
        self,
        interactions: pd.DataFrame,
        *,
        product_ids: Iterable[str],
        vectors: ArrayLike,
        valid_from: pd.Timestamp | None = None,
        run: Run | None = None,
        progress: Progress | None = None,
    ) -> HybridRecommender:
        """Learn the weights on a window inside the training period, then refit on all of it.

        Parameters
        ----------
        interactions
            ``user_id``, ``product_id`` and, where known, ``event``, ``value``, ``timestamp``.
            Without any timestamp nothing decays and nothing can be validated in time: the default
            weights are used.
        product_ids
            Unique ids, in the order of ``vectors``.
        vectors
            Of shape (n_products, dim), unit rows.
        valid_from
            Where the validation window starts; None takes the latest ``validation_share`` of the
            interactions.
        run
            Where weights and validation metrics are logged.
        progress
            Called with (steps done, steps) while factors are learned.

        Raises
        ------
        TableError
            If a column is missing, ids repeat or shapes disagree.
        ConfigError
            If an event has no weight.
        """
        table = normalise_interactions(interactions)
        catalogue = make_catalogue(product_ids, vectors)
        window = cut_window(table, valid_from=valid_from, share=self.config.validation_share)
        steps = Steps(progress, self.config.iterations * (2 if window else 1))
        self.validation = Validated()
        if window is not None:
            before = self._learn(window.before, catalogue, steps)
            self.validation = learn_blend(
                before.signals, window.after, catalogue.products, self.config, seed=self.seed
            )
        self._state = self._learn(table, catalogue, steps)
        log_fit(run or NullRun(), self.config, self.validation)
        return self

    def recommend(
        self,
        user_ids: Iterable[str] | None = None,
        k: int = 10,
        *,
        keep_seen: bool = False,
        allowed: Collection[str] | None = None,
    ) -> pd.DataFrame:
        """Return the k best products of each user.

        Parameters
        ----------
        user_ids
            For whom, each answered once; None for everyone with history. Who is unknown gets the
            cold-start list.
        k
            List length, at least 1; shorter only where the catalogue has no more to offer.
        keep_seen
            Whether products the user bought before (see ``bought_events``) may come again.
        allowed
            Product ids that may be listed; None allows all, unknown ids are ignored.

        Returns
        -------
        LISTS: ``user_id``, ``product_id``, ``rank`` (from 1), ``score``, ``source`` (the part that
        gave most: ``mf``, ``content``, ``item_item``, ``popular``); users in the order asked for,
        ties by ``product_id``.
        """
        state = self._fitted()
        check_length(k)
        wanted = list(self.user_ids if user_ids is None else dict.fromkeys(map(str, user_ids)))
        allow = None
        if allowed is not None:
            listed = set(allowed)
            allow = np.array([name in listed for name in self.product_ids], dtype=np.bool_)
        rows = state.signals.histories.users.rows(wanted)
        frames = [
            self._rank([wanted[place] for place in places], rows[places], k, keep_seen, allow)
            for kind in (rows >= 0, rows < 0)
            if self.product_ids
            for places in (np.flatnonzero(kind)[cut] for cut in self._blocks(kind))
        ]
        if not frames:  # nobody to list for, or nothing to list
            return empty_lists()
        lists = pd.concat(frames, ignore_index=True)
        order = lists[Columns.USER].map({user: place for place, user in enumerate(wanted)})
        return lists.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)

    def similar_items(self, product_id: str, k: int = 10) -> pd.DataFrame:
        """Return the k products nearest to one, by content and, where people met both, by factors.

        Returns
        -------
        ``product_id``, ``rank`` (from 1), ``score`` (mean cosine, in [-1, 1]); never the product
        itself.

        Raises
        ------
        TableError
            If the product is not in the catalogue.
        """
        check_length(k)
        return similar_products(self._fitted(), product_id, k)

    def observe(self, interactions: pd.DataFrame) -> None:
        """Take in new interactions without a refit.

        Histories and popularity are counted again; the users who acted are folded in.
        """
        state = self._fitted()
        new = normalise_interactions(interactions)
        known = [part for part in (state.interactions, new) if len(part)]
        table = pd.concat(known, ignore_index=True) if known else new
        self._state = assemble(
            table,
            state.catalogue,
            state.learned,
            self.config,
            as_of=latest(table),
            renew=frozenset(new[Columns.USER]),
        )

    def align(self, product_ids: Iterable[str], vectors: ArrayLike) -> None:
        """Follow a changed catalogue.

        Added products rank as ones nobody met; removed ones never appear, and with them go their
        interactions: nothing names them in a folder saved from then on.
        """
        state = self._fitted()
        self._reassemble(state.interactions, make_catalogue(product_ids, vectors))

    def forget(self, user_ids: Iterable[str]) -> int:
        """Remove people and return how many were known.

        Their history, their factors and their share of every count are gone.

        What the product factors learned from everybody stays until the next fit; nothing in them
        names anyone. Saved folders are clean after the next ``save_pretrained``.
        """
        state = self._fitted()
        gone = state.interactions[Columns.USER].isin({str(user) for user in user_ids})
        known = int(state.interactions[Columns.USER][gone].nunique())
        if known:
            self._reassemble(state.interactions[~gone].reset_index(drop=True), state.catalogue)
        return known

    def save_pretrained(self, folder: str | Path, fingerprint: str) -> None:
        """Write a folder of JSON (settings, weights), npz (factors) and Parquet (interactions)."""
        storage.save(
            Path(folder), self._fitted(), self.config, self.validation, self.seed, fingerprint
        )

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        fingerprint: str | None,
        product_ids: Iterable[str],
        vectors: ArrayLike,
    ) -> HybridRecommender:
        """Read a folder and align it with the catalogue as it is now.

        Raises
        ------
        FingerprintError
            If it was made with another embedder than ``fingerprint``.
        ArtefactError
            If it is missing, damaged or of another version.
        """
        saved = storage.load(Path(folder), fingerprint)
        model = cls(saved.config, seed=saved.seed)
        model.validation = saved.validation
        model._state = assemble(
            saved.interactions,
            make_catalogue(product_ids, vectors),
            saved.learned,
            saved.config,
            as_of=saved.as_of,
        )
        return model

    def _learn(self, table: pd.DataFrame, catalogue: Catalogue, steps: Steps) -> State:
        as_of = latest(table)
        histories = build_histories(table, catalogue.products, self.config, as_of=as_of)
        factors = fit_factors(histories.strength, self.config, seed=self.seed, progress=steps.step)
        learned = Learned(histories.users, catalogue.products, factors)
        return assemble(table, catalogue, learned, self.config, as_of=as_of)

    def _reassemble(self, table: pd.DataFrame, catalogue: Catalogue) -> None:
        state = self._fitted()
        self._state = assemble(table, catalogue, state.learned, self.config, as_of=state.as_of)

    def _blocks(self, kind: NDArray[np.bool_]) -> Iterable[slice]:
        return user_blocks(int(kind.sum()), len(self.product_ids))

    def _rank(
        self,
        users: list[str],
        rows: NDArray[np.int64],
        k: int,
        keep_seen: bool,
        allow: NDArray[np.bool_] | None,
    ) -> pd.DataFrame:
        state, warm = self._fitted(), bool(rows[0] >= 0)
        weights = self.validation.blend.of(warm=warm)
        # All users nobody knows share one list.
        asked = rows if warm else rows[:1]
        start = self.validation.blend.newcomer_weight(warm=warm)
        ranked = rank_block(
            state.signals, weights, asked, k, head_start=start, keep_seen=keep_seen, allow=allow
        )
        return list_frame(users, ranked.repeated(len(users)), state.catalogue.products, [*weights])

    def _fitted(self) -> State:
        if self._state is None:
            raise ArtefactError(
                "this recommender holds nothing yet; call fit, or from_pretrained on a saved folder"
            )
        return self._state
