"""How well a shop holds up when products lose their texts or their pictures, policy by policy.

A share of the held-out products that have both parts loses one; subsets are nested and the same
for every policy. The towers run once per policy: a level is a choice of rows between the whole
products and the bare ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core_embeddings.columns import Columns
from core_embeddings.errors import TableError
from core_embeddings.missing_parts import (
    IMAGE_POLICIES,
    MASKED,
    TEXT_POLICIES,
    MissingParts,
    without_images,
    without_text,
)
from core_embeddings.missing_text import has_text
from core_embeddings.seeding import numpy_generator
from tuwen.loading import Note, silent
from tuwen.missing_jobs import Job, Version, recommend_job, search_job, tag_job
from tuwen.tagging import WHOLE, tagger_views

if TYPE_CHECKING:
    import pandas as pd

    from classify.taggers import TaggerSet
    from core_embeddings.embedder import FusionEmbedder
    from core_embeddings.tables import LoadedQueries
    from tuwen.shop import Shop

Removed = Literal["text", "image"]
LEVELS: Final = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
POLICIES: Final[dict[Removed, tuple[MissingParts, ...]]] = {
    "text": tuple(MissingParts(text=policy) for policy in TEXT_POLICIES),
    "image": tuple(MissingParts(image=policy) for policy in IMAGE_POLICIES),
}
REMOVED, SHARE, POLICY, JOB = "removed", "share", "policy", "job"
COLUMNS: Final = (REMOVED, SHARE, POLICY, JOB, "metric", Columns.VALUE, "n")


@dataclass(frozen=True)
class HeldOutProducts:
    """The products that lose parts, and what turns them into vectors and tags.

    Parameters
    ----------
    products
        Rows of one split.
    embedder, taggers
        The shop's.
    """

    products: pd.DataFrame
    embedder: FusionEmbedder
    taggers: TaggerSet

    def complete(self) -> NDArray[np.bool_]:
        """Return which products have both parts: only those can lose one."""
        has_image = np.array([bool(paths) for paths in self.products[Columns.IMAGE]], dtype=bool)
        return has_image & has_text(self.products)

    def whole(self) -> Version:
        """Return the products as they are."""
        return Version(self.embedder.encode(self.products), self._tags(self.products, MASKED))

    def bare(self, removed: Removed, policy: MissingParts) -> Version:
        """Return the products with one part gone from all of them and a stand-in in its place.

        A tagger never sees the values it is asked for: before a stand-in is made for it, every
        tagged column is emptied.
        """
        left = without_text(self.products) if removed == "text" else without_images(self.products)
        unlabelled = left.assign(**dict.fromkeys(self.taggers.fields, ""))
        return Version(self.embedder.encode(left, missing=policy), self._tags(unlabelled, policy))

    def _tags(
        self, products: pd.DataFrame, missing: MissingParts
    ) -> dict[str, NDArray[np.object_]]:
        if not self.taggers.fields:
            return {}
        views = self.embedder.views(products, missing=missing)
        read = products
        if missing.text != "mask":
            texts = self.embedder.stand_in_texts(products, missing)
            read = products.assign(title=texts, description="", brand="")
        tags = self.taggers.tag(
            tagger_views(views),
            read,
            has_image=views.has_image,
            has_text=views.has_text,
            target_precision=WHOLE,
        )
        wide = tags.pivot(index=Columns.PRODUCT, columns=Columns.FIELD, values=Columns.VALUE)
        wide = wide.loc[products[Columns.PRODUCT]]
        return {str(field): wide[field].to_numpy(dtype=object) for field in wide}


class _Curve(NamedTuple):
    removed: Removed
    policy: str
    bare: Version


def missing_report(
    shop: Shop,
    *,
    asked: LoadedQueries | None = None,
    split: str = "test",
    levels: Sequence[float] = LEVELS,
    seed: int = 0,
    note: Note = silent,
) -> pd.DataFrame:
    """Measure tagging, searching and recommending with parts of the products gone.

    Tagging always; searching where judged queries are given; recommending, from content alone,
    where the shop has a recommender with timestamps. What users met before keeps its parts.
    Policy ``context`` is strong by its nature: it reads the columns that queries and tastes are
    about. The taggers' fields are hidden from it.

    Parameters
    ----------
    shop
        Fitted.
    asked
        Queries with judgements.
    split
        Which products lose parts, are searched and are listed.
    levels
        Shares of the complete products, in [0, 1].
    seed
        Draws the order in which products lose a part.

    Returns
    -------
    DataFrame
        ``removed``, ``share``, ``policy``, ``job``, ``metric``, ``value``, ``n``. Rows that remove
        nothing ("") are the baselines that look at no product.

    Raises
    ------
    TableError
        If there is nothing to measure.
    """
    import pandas as pd

    catalogue = shop.catalogue()
    rows = np.flatnonzero((catalogue[Columns.SPLIT] == split).to_numpy())
    held = HeldOutProducts(
        catalogue.iloc[rows].reset_index(drop=True), shop.embedder(), shop.taggers()
    )
    jobs = _jobs(shop, catalogue, rows, held, asked)
    if not jobs:
        raise TableError(
            f"{shop.root} has no tagged field with known values in its {split} products, no lists "
            "to measure, and no judged query on them was given; give some with --queries"
        )
    whole, order = held.whole(), _order(held.complete(), seed)
    records = [record for job in jobs for record in _baseline(job)]
    for removed, policies in POLICIES.items():
        for policy in policies:
            name = str(getattr(policy, removed))
            note(f"{removed} removed, policy {name}")
            curve = _Curve(removed, name, held.bare(removed, policy))
            records += _points(curve, whole, order, jobs, levels)
    return pd.DataFrame(records, columns=list(COLUMNS))


def _jobs(
    shop: Shop,
    catalogue: pd.DataFrame,
    rows: NDArray[np.int64],
    held: HeldOutProducts,
    asked: LoadedQueries | None,
) -> list[Job]:
    ids = held.products[Columns.PRODUCT].tolist()
    labels = {name: held.taggers.labels(catalogue, name) for name in held.taggers.fields}
    found: list[Job | None] = [tag_job(catalogue, labels, rows)]
    if asked is not None:
        k = int(shop.setting("baseline", "report_k", 10))
        found.append(search_job(asked, held.embedder, ids, k))
    if shop.has_recommender:
        found.append(_recommend_job(shop, ids))
    return [job for job in found if job is not None]


def _recommend_job(shop: Shop, ids: list[str]) -> Job | None:
    import pandas as pd

    from core_embeddings.splits import time_cut

    split, recommender = shop.state.settings.get("split", {}), shop.recommender()
    day, share = split.get("recent_from", ""), float(split.get("recent", 0.2))
    log = recommender.state.interactions
    cut = pd.Timestamp(day, tz="UTC") if day else time_cut(log, share=share)
    if cut is None:
        return None
    k = int(shop.setting("baseline", "list_k", 10))
    return recommend_job(recommender, shop.vectors(), ids, cut=cut, k=k)


def _order(complete: NDArray[np.bool_], seed: int) -> NDArray[np.int64]:
    """Return the rows that can lose a part in the order in which they lose it."""
    return numpy_generator(seed).permutation(np.flatnonzero(complete))


def _points(
    curve: _Curve,
    whole: Version,
    order: NDArray[np.int64],
    jobs: Sequence[Job],
    levels: Sequence[float],
) -> Iterator[tuple[object, ...]]:
    for share in levels:
        gone = np.zeros(len(whole.vectors), dtype=np.bool_)
        gone[order[: round(share * len(order))]] = True
        version = whole.with_rows_of(curve.bare, gone)
        for job in jobs:
            metrics, n = job.measure(version)
            for metric, value in metrics.items():
                yield curve.removed, share, curve.policy, job.name, metric, value, n


def _baseline(job: Job) -> Iterator[tuple[object, ...]]:
    metrics, n = job.baseline()
    for metric, value in metrics.items():
        yield "", 0.0, job.floor, job.name, metric, value, n
