"""Settings of the taggers, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from core_embeddings.errors import ConfigError

HeadName = Literal["softmax", "svm"]
Engine = Literal["jieba", "rjieba"]


@dataclass(frozen=True)
class TaggerConfig:
    """How the taggers of one catalogue are fitted; defaults chosen on validation rows.

    Parameters
    ----------
    heads, dense_heads
        Which linear heads are fitted on the TF-IDF views, and which on the others.
    kin
        Values that are alike in name learn from each other, see ``value_kinship``.
    softmax_c, svm_c
        ``C`` of the heads on dense views.
    lexical_softmax_c, lexical_svm_c
        ``C`` of the heads on the sparse TF-IDF views.
    balanced
        Weight rows so that every value counts alike.
    lexical_balanced
        Do so in the softmax heads on all words only: beside the other heads, which lean towards
        frequent values, they speak for the rare ones.
    dense_size
        Wider dense views are fitted in that many principal directions.
    max_iter, tol
        Limits of the solver.
    folds, fold_steps
        Validation rows are scored in so many folds, each by heads that made so many steps of the
        solver with the other folds, see ``cross_fit``.
    lexical
        Add the TF-IDF views: ``lexical``, ``words`` and ``title``, see ``LexicalView``.
    tokenizer
        Engine that splits Chinese text.
    char_ngrams, min_count, max_terms
        See ``LexicalView.fit``.
    target_precision, assurance, min_auto_rows
        See ``choose_threshold``.
    min_auto_examples
        A value with fewer training rows is learned and offered, but always sent to review.
    threads
        BLAS threads while fitting and tagging.
    """

    heads: tuple[HeadName, ...] = ("softmax", "svm")
    dense_heads: tuple[HeadName, ...] = ("softmax",)
    kin: bool = True
    softmax_c: float = 10.0
    svm_c: float = 1.0
    lexical_softmax_c: float = 10.0
    lexical_svm_c: float = 1.0
    balanced: bool = False
    lexical_balanced: bool = True
    dense_size: int = 512
    max_iter: int = 60
    tol: float = 3e-4
    folds: int = 4
    fold_steps: int = 10
    lexical: bool = True
    tokenizer: Engine = "jieba"
    char_ngrams: bool = True
    min_count: int = 2
    max_terms: int = 30_000
    target_precision: float = 0.95
    assurance: float = 0.9
    min_auto_rows: int = 10
    min_auto_examples: int = 2
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("heads", "dense_heads"):
            heads = getattr(self, name)
            unknown = set(heads) - set(get_args(HeadName))
            if unknown or not heads or len(set(heads)) != len(heads):
                raise ConfigError(
                    f"{name} must name one or both of {', '.join(get_args(HeadName))}, once each; "
                    f"got {heads!r}"
                )
        for name in ("softmax_c", "svm_c", "lexical_softmax_c", "lexical_svm_c", "tol"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be > 0; got {getattr(self, name)!r}")
        for name in (
            "dense_size",
            "max_iter",
            "fold_steps",
            "min_count",
            "max_terms",
            "min_auto_rows",
            "min_auto_examples",
            "threads",
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be >= 1; got {getattr(self, name)!r}")
        if self.folds < 2:
            raise ConfigError(f"folds must be >= 2; got {self.folds!r}")
        if not 0 < self.target_precision <= 1:
            raise ConfigError(
                f"target_precision must be above 0 and at most 1; got {self.target_precision!r}"
            )
        if not 0.5 <= self.assurance < 1:
            raise ConfigError(f"assurance must be at least 0.5 and below 1; got {self.assurance!r}")
