"""Lists for people nobody has on file: a recommender that was told of no user.

What goes into MLflow is copied, moved and served elsewhere, where ``tuwen forget`` does not reach.
So it holds only what was learned from everybody together, and a user's history comes along with
the request.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from core_embeddings.artefact import Manifest, new_folder, read_json, write_bytes, write_json
from core_embeddings.columns import Columns
from core_embeddings.config import from_mapping, to_mapping
from core_embeddings.errors import ArtefactError
from recommend.blend import Blend
from recommend.config import RecommenderConfig
from recommend.factors import Factors, fold_in
from recommend.histories import build_histories, normalise_interactions
from recommend.lists import check_length, empty_lists, list_frame, rank_block, user_blocks
from recommend.signals import Signals
from recommend.state import Catalogue, make_catalogue

if TYPE_CHECKING:
    from recommend.hybrid import HybridRecommender

KIND: Final = "guest recommender"
VERSION: Final = 1
CONFIG, ARRAYS = "config.json", "learned.npz"
CSR = ("data", "indices", "indptr")
OF_PEOPLE = ("histories", "factors", "vectors")
"""Of the signals, what is made of people, and what lies with the products already."""


@dataclass(frozen=True)
class GuestRecommender:
    """The products' side of a `HybridRecommender`.

    Parameters
    ----------
    catalogue
        Products and their vectors.
    config, blend
        How a history is weighed, and how much each part counts.
    items
        Product factors of shape (n_products, factors), zero for products nobody met.
    signals
        What every part scores with, without histories and users' factors.
    """

    catalogue: Catalogue
    config: RecommenderConfig
    blend: Blend
    items: NDArray[np.float32]
    signals: Signals

    @classmethod
    def of(cls, recommender: HybridRecommender) -> GuestRecommender:
        """Take what a fitted recommender knows of products, and leave what it knows of people."""
        state, config = recommender.state, recommender.config
        nobody = _nobody(state.catalogue, config, state.signals.factors.items)
        signals = replace(state.signals, **nobody)
        blend = recommender.validation.blend
        return cls(state.catalogue, config, blend, state.learned.factors.items, signals)

    def recommend(
        self, histories: Mapping[str, Sequence[str]], k: int = 10, *, keep_seen: bool = False
    ) -> pd.DataFrame:
        """Return the k best products of each user.

        Parameters
        ----------
        histories
            User to the products they met, latest last, each counted as a purchase; unknown
            products are passed over. Without any, the answer is the cold-start list.
        k
            List length, at least 1.
        keep_seen
            Whether products of the history may come again.

        Returns
        -------
        LISTS, as `HybridRecommender.recommend` gives them.
        """
        check_length(k)
        signals = self._signals(histories)
        users = list(histories)
        rows = signals.histories.users.rows(users)
        warm, cold = np.flatnonzero(rows >= 0), np.flatnonzero(rows < 0)
        frames = [
            self._rank(
                signals, [users[place] for place in places[cut]], rows[places[cut]], k, keep_seen
            )
            for places in (warm, cold)
            for cut in user_blocks(len(places), len(self.items))
        ]
        if not frames or not len(self.items):
            return empty_lists()
        lists = pd.concat(frames, ignore_index=True)
        order = lists[Columns.USER].map({user: place for place, user in enumerate(users)})
        return lists.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)

    def save(self, folder: Path, fingerprint: str) -> None:
        """Write JSON and npz; nothing in them names anyone."""
        stream, products = io.BytesIO(), self.catalogue.products
        arrays: dict[str, Any] = {"items": self.items, "filled": self.signals.factors.items}
        for name in _learned():
            value = getattr(self.signals, name)
            if sparse.issparse(value):
                parts = {part: getattr(value, part) for part in CSR}
                arrays |= {f"{name}.{part}": array for part, array in parts.items()}
            else:
                arrays[name] = value
        np.savez(stream, product_ids=np.array(products.all, dtype=np.str_), **arrays)
        with new_folder(folder) as aside:
            Manifest(KIND, VERSION, fingerprint).write(aside)
            settings = {"config": to_mapping(self.config), "blend": asdict(self.blend)}
            write_json(aside / CONFIG, settings)
            write_bytes(aside / ARRAYS, stream.getvalue())

    @classmethod
    def load(
        cls, folder: Path, fingerprint: str, product_ids: Iterable[str], vectors: ArrayLike
    ) -> GuestRecommender:
        """Read what `save` wrote, for the same products.

        Raises
        ------
        FingerprintError
            If it was made with another embedder.
        ArtefactError
            If it is missing, damaged, or of other products.
        """
        Manifest.read(folder, kind=KIND, version=VERSION, fingerprint=fingerprint)
        catalogue, values = make_catalogue(product_ids, vectors), read_json(folder / CONFIG)
        try:
            with np.load(folder / ARRAYS, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            config = from_mapping(RecommenderConfig, values["config"])
            blend = Blend(**values["blend"])
            same = arrays["product_ids"].tolist() == list(catalogue.products.all)
            learned = {name: _read(arrays, name) for name in _learned()} if same else {}
        except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
            raise ArtefactError(f"{folder} is damaged ({error}); log the model again") from None
        if not same:
            raise ArtefactError(f"{folder} was made for other products; log the model again")
        nobody = _nobody(catalogue, config, arrays["filled"])
        signals = Signals(**learned, **nobody, vectors=catalogue.vectors)
        return cls(catalogue, config, blend, arrays["items"], signals)

    def _signals(self, histories: Mapping[str, Sequence[str]]) -> Signals:
        pairs = [(user, product) for user, several in histories.items() for product in several]
        table = normalise_interactions(pd.DataFrame(pairs, columns=[Columns.USER, Columns.PRODUCT]))
        met = build_histories(table, self.catalogue.products, self.config)
        users = fold_in(self.items, met.strength, self.config)
        factors = Factors(users, self.signals.factors.items)
        return replace(self.signals, histories=met, factors=factors)

    def _rank(
        self,
        signals: Signals,
        users: list[str],
        rows: NDArray[np.int64],
        k: int,
        keep_seen: bool,
    ) -> pd.DataFrame:
        warm = bool(rows[0] >= 0)
        weights = self.blend.of(warm=warm)
        bonus = self.blend.newcomer_weight(warm=warm)
        ranked = rank_block(signals, weights, rows, k, head_start=bonus, keep_seen=keep_seen)
        return list_frame(users, ranked, self.catalogue.products, [*weights])


def _nobody(
    catalogue: Catalogue, config: RecommenderConfig, filled: NDArray[np.float32]
) -> dict[str, Any]:
    table = pd.DataFrame({Columns.USER: [], Columns.PRODUCT: []}, dtype=object)
    met = build_histories(normalise_interactions(table), catalogue.products, config)
    return {"histories": met, "factors": Factors(filled[:0], filled)}


def _learned() -> list[str]:
    return [field.name for field in fields(Signals) if field.name not in OF_PEOPLE]


def _read(arrays: Mapping[str, NDArray[Any]], name: str) -> Any:
    """Return an array, or the CSR matrix that was saved in three parts."""
    if name in arrays:
        return arrays[name]
    size = len(arrays["product_ids"])
    return sparse.csr_matrix(tuple(arrays[f"{name}.{part}"] for part in CSR), shape=(size, size))
