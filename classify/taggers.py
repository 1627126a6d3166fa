"""All fields of a catalogue: fit, tag, save, load."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse
from threadpoolctl import threadpool_limits

from classify.availability import Availability, availability
from classify.labels import field_labels
from classify.lexical_view import LexicalView, default_tokenizer, fit_lexical
from classify.linear_solver import Matrix
from classify.rotation import Rotation
from classify.tagger_config import TaggerConfig
from classify.tags import TAG_COLUMNS, tags_of
from classify.views import Mask, MultiViewTagger, view_modality
from core_embeddings.columns import Columns
from core_embeddings.config import flatten, nearest, to_mapping
from core_embeddings.errors import ConfigError, TableError
from core_embeddings.splits import duplicate_groups
from core_embeddings.tracking import NullRun, Run

CHUNK: Final = 4096
Progress = Callable[[str], None]


@dataclass(frozen=True)
class TaggerSet:
    """One ``MultiViewTagger`` per field over the same views.

    Parameters
    ----------
    taggers
        By field.
    widths
        Number of features of each dense view, by name; ``tag`` wants exactly these.
    lexical
        The TF-IDF transform of product texts, or ``None``.
    config
        Settings it was fitted with.
    skipped
        Fields asked for that had no training label.
    """

    taggers: Mapping[str, MultiViewTagger]
    widths: Mapping[str, int]
    lexical: LexicalView | None
    config: TaggerConfig
    skipped: tuple[str, ...] = field(default=())

    @classmethod
    def fit(
        cls,
        views: Mapping[str, Matrix],
        products: pd.DataFrame,
        *,
        fields: Sequence[str],
        split: ArrayLike,
        has_image: ArrayLike | None = None,
        has_text: ArrayLike | None = None,
        config: TaggerConfig | None = None,
        seed: int = 0,
        run: Run | None = None,
        progress: Progress | None = None,
    ) -> TaggerSet:
        """Fit every field on rows of the splits ``train`` and ``val``.

        Weights and thresholds are chosen by cross-fitted answers for ``val``.

        Parameters
        ----------
        views
            Matrices by name with one row per product, dense or CSR: ``image`` and ``text`` speak
            for one modality, any other name (``fused``) for both.
        products
            With title, description, brand and the fields' columns. Of a cell with several values
            the first is the label; a category is its full path.
        fields
            Columns to learn.
        split
            ``train``, ``val`` or anything else (unused) per product.
        has_image, has_text
            Per product; by default every product has an image, and a text where title, description
            or brand is not empty.
        seed
            Logged only: nothing in these fits is random.
        progress
            Called with the name of each field before it is fitted.

        Raises
        ------
        TableError
            If a field is no column, or a view has another number of rows.
        """
        config, run = config or TaggerConfig(), run or NullRun()
        _check_fields(products, fields)
        split = np.asarray(split, dtype=object)
        train, val = split == "train", split == "val"
        available = availability(products, has_image, has_text)
        groups = duplicate_groups(products)
        dense = {name: _as_matrix(name, X, len(products)) for name, X in views.items()}
        tokenize = default_tokenizer(config.tokenizer)
        remembering = cache(tokenize)  # learning the terms and counting them read the same texts
        lexical = fit_lexical(products[(train | val) & available.has_text], config, remembering)
        if not dense and lexical is None:
            raise ConfigError("taggers need at least one view; got none and no product with text")
        run.log_params({**flatten(to_mapping(config), "taggers."), "taggers.seed": seed})
        taggers, skipped = {}, []
        with threadpool_limits(config.threads, "blas"):
            rotations = _rotations(dense, train | val, available, config.dense_size)
            turned = {name: rotation.apply(dense[name]) for name, rotation in rotations.items()}
            ready = {**dense, **turned, **(lexical.views(products) if lexical else {})}
            for name in dict.fromkeys(fields):
                labels = field_labels(products, name)
                if not (train & (labels != "")).any():
                    skipped.append(name)
                    continue
                if progress is not None:
                    progress(name)
                taggers[name] = MultiViewTagger(config).fit(
                    ready,
                    labels,
                    train=train,
                    val=val,
                    groups=groups,
                    rotations=rotations,
                    **available._asdict(),
                )
        widths = {name: int(X.shape[1]) for name, X in dense.items()}
        lexical = lexical and replace(lexical, tokenize=tokenize)
        fitted = cls(taggers, widths, lexical, config, tuple(skipped))
        run.log_table(fitted.explain(), "tagger_weights")
        return fitted

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that were learned."""
        return tuple(self.taggers)

    def probabilities(
        self,
        field: str,
        views: Mapping[str, Matrix],
        products: pd.DataFrame,
        *,
        has_image: ArrayLike | None = None,
        has_text: ArrayLike | None = None,
    ) -> pd.DataFrame:
        """Return calibrated probabilities: a row per product (the index), a column per value.

        Raises
        ------
        ConfigError
            If the field was not learned.
        TableError
            If the views are not those of ``fit``.
        """
        tagger = self.tagger(field)
        available = availability(products, has_image, has_text)
        ready = self.prepare(views, products)
        with threadpool_limits(self.config.threads, "blas"):
            values = np.exp(tagger.log_probabilities(ready, **available._asdict()))
        index = pd.Index(products[Columns.PRODUCT], name=Columns.PRODUCT)
        return pd.DataFrame(values, index=index, columns=tagger.classes_)

    def tag(
        self,
        views: Mapping[str, Matrix],
        products: pd.DataFrame,
        *,
        fields: Sequence[str] | None = None,
        has_image: ArrayLike | None = None,
        has_text: ArrayLike | None = None,
    ) -> pd.DataFrame:
        """Return TAGS: one row per product and field, sorted by product, then field.

        ``confidence`` is a calibrated probability, ``decision`` is ``auto`` or ``review``,
        ``alternatives`` the next values, at most four. Tags are always predictions, also where the
        product already has a value.
        """
        names = self.fields if fields is None else tuple(dict.fromkeys(fields))
        taggers = {name: self.tagger(name) for name in names}
        available = availability(products, has_image, has_text)
        ready = self.prepare(views, products)
        ids = products[Columns.PRODUCT].to_numpy(dtype=object)
        frames = [pd.DataFrame(columns=list(TAG_COLUMNS))]
        with threadpool_limits(self.config.threads, "blas"):
            for name, tagger in taggers.items():
                for start in range(0, len(products), CHUNK):
                    rows = slice(start, start + CHUNK)
                    part = Availability(available.has_image[rows], available.has_text[rows])
                    chunk = {view: X[rows] for view, X in ready.items()}
                    frames.append(tags_of(name, tagger, ids[rows], chunk, part))
        filled = [frame for frame in frames if len(frame)] or frames
        tags = pd.concat(filled, ignore_index=True)
        return tags.sort_values([Columns.PRODUCT, Columns.FIELD], ignore_index=True, kind="stable")

    def prepare(self, views: Mapping[str, Matrix], products: pd.DataFrame) -> dict[str, Matrix]:
        """Return the views checked, in float32, with the TF-IDF ones added.

        Raises
        ------
        TableError
            If a view is missing or has another shape than in ``fit``.
        """
        missing = set(self.widths) - set(views)
        if missing:
            raise TableError(
                f"these taggers need the views {', '.join(self.widths)}; "
                f"missing: {', '.join(sorted(missing))}"
            )
        ready = {name: _as_matrix(name, views[name], len(products)) for name in self.widths}
        for name, width in self.widths.items():
            if ready[name].shape[1] != width:
                raise TableError(
                    f"view {name!r} must have {width} features, as in fit; "
                    f"got {ready[name].shape[1]}; "
                    "use vectors of the embedder these taggers were fitted with"
                )
        return ready if self.lexical is None else {**ready, **self.lexical.views(products)}

    def explain(self) -> pd.DataFrame:
        """Return how much each view and head weighs in each field."""
        frames = [tagger.explain().assign(field=name) for name, tagger in self.taggers.items()]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    def save(self, folder: Path, fingerprint: str) -> None:
        """Write a folder; ``fingerprint`` is that of the embedder that made the views."""
        from classify.tagger_store import save_taggers

        save_taggers(self, folder, fingerprint)

    @classmethod
    def load(cls, folder: Path, fingerprint: str | None = None) -> TaggerSet:
        """Read what ``save`` wrote.

        Raises
        ------
        ArtefactError
            If the folder is not one of taggers, or damaged.
        FingerprintError
            If it was made with another embedder; ``None`` accepts any.
        """
        from classify.tagger_store import load_taggers

        return load_taggers(folder, fingerprint)

    def tagger(self, name: str) -> MultiViewTagger:
        """Return the tagger of a field; ``ConfigError`` where it was not learned."""
        if name not in self.taggers:
            raise ConfigError(f"field {name!r} was not learned; {nearest(name, self.fields)}")
        return self.taggers[name]


def _check_fields(products: pd.DataFrame, fields: Sequence[str]) -> None:
    for name in fields:
        if name not in products.columns:
            raise TableError(
                f"field {name!r} is no column of the products; "
                f"{nearest(name, list(products.columns))}"
            )


def _as_matrix(name: str, X: Any, n_rows: int) -> Matrix:
    matrix = (
        sparse.csr_array(X, dtype=np.float32) if sparse.issparse(X) else np.asarray(X, np.float32)
    )
    if matrix.ndim != 2 or matrix.shape[0] != n_rows:
        raise TableError(
            f"view {name!r} must have one row per product, {n_rows}; got shape {matrix.shape}"
        )
    return matrix


def _rotations(
    dense: Mapping[str, Matrix], learned: Mask, available: Availability, size: int
) -> dict[str, Rotation]:
    """Rotate dense views wider than ``size``, fitted on rows that have the modality."""
    present = available._asdict()
    found = {}
    for name, X in dense.items():
        rows = learned & present.get(f"has_{view_modality(name)}", np.ones_like(learned))
        if X.shape[1] > size and not sparse.issparse(X) and rows.sum() > 1:
            found[name] = Rotation.fit(X[rows], size=size)
    return found
