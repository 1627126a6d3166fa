"""All fields of a catalogue: fit, tag, save, load."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from threadpoolctl import threadpool_limits

from classify.availability import availability
from classify.joint_view import JOINT, JointView
from classify.labels import field_labels
from classify.lexical_view import LexicalView, default_tokenizer, fit_lexical
from classify.linear_solver import Matrix
from classify.promise import Target, targets_of
from classify.set_tagger import SetTagger
from classify.tagger_config import TaggerConfig
from classify.tagger_inputs import as_in_fit, as_matrix, check_fields, learnable
from classify.tags import TAG_COLUMNS, chunks, tags_of
from classify.value_sets import holds_sets, joined, value_sets
from classify.views import MultiViewTagger
from core_embeddings.columns import Columns
from core_embeddings.config import flatten, nearest, to_mapping
from core_embeddings.errors import ConfigError
from core_embeddings.splits import duplicate_groups
from core_embeddings.tracking import NullRun, Run

Progress = Callable[[str], None]


@dataclass(frozen=True)
class TaggerSet:
    """One tagger per field over the same views.

    Parameters
    ----------
    taggers
        By field, of those with one value per product.
    widths
        Number of features of each dense view, by name; ``tag`` wants exactly these.
    lexical
        The TF-IDF transform of product texts, or ``None``.
    config
        Settings it was fitted with.
    skipped
        Fields asked for that had no training label.
    set_taggers
        By field, of those with several values per product (``size|colour``), see ``SetTagger``.
    joint
        What compares products in all views at once, or ``None``.
    """

    taggers: Mapping[str, MultiViewTagger]
    widths: Mapping[str, int]
    lexical: LexicalView | None
    config: TaggerConfig
    skipped: tuple[str, ...] = field(default=())
    set_taggers: Mapping[str, SetTagger] = field(default_factory=dict)
    joint: JointView | None = None

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
            With title, description, brand and the fields' columns. A field of which enough cells
            hold several values (``set_share``), or named in ``set_fields``, is learned as sets; of
            any other cell the first value is the label, and a category is its full path.
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
        check_fields(products, fields)
        split = np.asarray(split, dtype=object)
        train, val = split == "train", split == "val"
        available = availability(products, has_image, has_text)
        groups = duplicate_groups(products)
        dense = {name: as_matrix(name, X, len(products)) for name, X in views.items()}
        tokenize = default_tokenizer(config.tokenizer)
        remembering = cache(tokenize)  # learning the terms and counting them read the same texts
        # Of training rows: words that only new products have go, so must those of validation rows.
        lexical = fit_lexical(products[train & available.has_text], config, remembering)
        if not dense and lexical is None:
            raise ConfigError("taggers need at least one view; got none and no product with text")
        run.log_params({**flatten(to_mapping(config), "taggers."), "taggers.seed": seed})
        singles: dict[str, MultiViewTagger] = {}
        sets: dict[str, SetTagger] = {}
        skipped = []
        with threadpool_limits(config.threads, "blas"):
            spoken = lexical.views(products) if lexical else {}
            ids = products[Columns.PRODUCT].to_numpy(dtype=object)
            ready, rotations, joint = learnable(
                dense, spoken, ids, train=train, val=val, available=available, config=config
            )
            for name in dict.fromkeys(fields):
                labels = field_labels(products, name)
                if not (train & (labels != "")).any():
                    skipped.append(name)
                    continue
                if progress is not None:
                    progress(name)
                rows = {"train": train, "val": val, "groups": groups, **available._asdict()}
                if holds_sets(products, name, config):
                    found = value_sets(products, name)
                    sets[name] = SetTagger(config).fit(ready, found, rotations=rotations, **rows)
                else:
                    tagger = MultiViewTagger(config)
                    singles[name] = tagger.fit(ready, labels, rotations=rotations, **rows)
        widths = {name: int(X.shape[1]) for name, X in dense.items()}
        lexical = lexical and replace(lexical, tokenize=tokenize)
        fitted = cls(singles, widths, lexical, config, tuple(skipped), sets, joint)
        run.log_table(fitted.explain(), "tagger_weights")
        return fitted

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that were learned."""
        return (*self.taggers, *self.set_taggers)

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

        Rows sum to 1, but for a field of sets, where each value is a question of its own.

        Raises
        ------
        ConfigError
            If the field was not learned.
        TableError
            If the views are not those of ``fit``.
        """
        tagger = self._any_tagger(field)
        available = availability(products, has_image, has_text)
        parts = [np.empty((0, len(tagger.classes_)))]
        with threadpool_limits(self.config.threads, "blas"):
            for chunk in chunks(views, products, available):
                ready, shown = self.prepare(chunk.views, chunk.products), chunk.available._asdict()
                if isinstance(tagger, SetTagger):
                    parts.append(expit(tagger.scores(ready, **shown)))
                else:
                    parts.append(np.exp(tagger.log_probabilities(ready, **shown)))
        index = pd.Index(products[Columns.PRODUCT], name=Columns.PRODUCT)
        return pd.DataFrame(np.vstack(parts), index=index, columns=tagger.classes_)

    def tag(
        self,
        views: Mapping[str, Matrix],
        products: pd.DataFrame,
        *,
        fields: Sequence[str] | None = None,
        has_image: ArrayLike | None = None,
        has_text: ArrayLike | None = None,
        target_precision: Target = None,
    ) -> pd.DataFrame:
        """Return TAGS: one row per product and field, sorted by product, then field.

        ``confidence`` is a calibrated probability, ``decision`` is ``auto`` or ``review``. An
        ``auto`` category may be the start of a path, as deep as is sure. ``alternatives`` are, in
        review, the other plausible values, else the next ones, see ``Verdicts``. Tags are always
        predictions, also where the product already has a value. Of a field of sets ``value`` is the
        set, sorted and joined by ``|``, and ``confidence`` is of the whole set.

        ``target_precision`` is promised of ``auto`` tags, of all fields or by field; by default,
        and for fields not named, that of the settings.
        """
        names = self.fields if fields is None else tuple(dict.fromkeys(fields))
        taggers = {name: self._any_tagger(name) for name in names}
        targets = targets_of(target_precision, self.fields)
        available = availability(products, has_image, has_text)
        frames = [pd.DataFrame(columns=list(TAG_COLUMNS))]
        with threadpool_limits(self.config.threads, "blas"):
            for chunk in chunks(views, products, available):
                ready = self.prepare(chunk.views, chunk.products)
                for name, tagger in taggers.items():
                    frames.append(tags_of(name, tagger, chunk, ready, targets[name]))
        filled = [frame for frame in frames if len(frame)] or frames
        tags = pd.concat(filled, ignore_index=True)
        return tags.sort_values([Columns.PRODUCT, Columns.FIELD], ignore_index=True, kind="stable")

    def prepare(self, views: Mapping[str, Matrix], products: pd.DataFrame) -> dict[str, Matrix]:
        """Return the views checked, in float32, with the TF-IDF ones and the joint one added.

        Raises
        ------
        TableError
            If a view is missing or has another shape than in ``fit``.
        """
        ready = as_in_fit(views, self.widths, len(products))
        if self.lexical is not None:
            ready |= self.lexical.views(products)
        if self.joint is not None:
            ready[JOINT] = self.joint.transform(ready)
        return ready

    def explain(self) -> pd.DataFrame:
        """Return how much each view and head weighs in each field."""
        frames = [self._any_tagger(name).explain().assign(field=name) for name in self.fields]
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
        """Return the tagger of a field with one value; ``ConfigError`` where it was not learned."""
        found = self._any_tagger(name)
        if isinstance(found, SetTagger):
            raise ConfigError(
                f"field {name!r} has several values per product; look in set_taggers instead"
            )
        return found

    def labels(self, products: pd.DataFrame, field: str) -> NDArray[Any]:
        """Return what is true in the words of ``tag``, "" where unknown, of shape (n_products,)."""
        if field in self.set_taggers:
            return np.array([joined(found) for found in value_sets(products, field)], dtype=object)
        return field_labels(products, field)

    def _any_tagger(self, name: str) -> MultiViewTagger | SetTagger:
        found = self.taggers.get(name) or self.set_taggers.get(name)
        if found is None:
            raise ConfigError(f"field {name!r} was not learned; {nearest(name, self.fields)}")
        return found
