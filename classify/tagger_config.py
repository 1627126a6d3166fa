"""Settings of the taggers, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from classify.promise import Promise
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
    joint_rows, joint_gamma, kernel_c
        At most so many known products are compared with in all views at once (0: none); how alike
        they must be, see ``JointView``; and ``C`` of that head, see ``KernelTagger``.
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
    plausible_coverage
        Probability that a reviewed product's true value is among its plausible ones.
    min_auto_examples
        A value with fewer training rows is learned and offered, but always sent to review.
    set_fields, set_share
        Fields whose products have several values at once (``a|b``): those named, and those of which
        at least this share of the known cells has several.
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
    joint_rows: int = 6000
    joint_gamma: float = 1.0
    kernel_c: float = 30.0
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
    plausible_coverage: float = 0.95
    min_auto_examples: int = 2
    set_fields: tuple[str, ...] = ()
    set_share: float = 0.05
    threads: int = 1

    def promise(self, precision: float | None = None) -> Promise:
        """Return what is promised of decisions, at another target precision if one is given."""
        target = self.target_precision if precision is None else precision
        return Promise(target, self.assurance, self.min_auto_rows, self.plausible_coverage)

    def __post_init__(self) -> None:
        for name in ("heads", "dense_heads"):
            heads = getattr(self, name)
            unknown = set(heads) - set(get_args(HeadName))
            if unknown or not heads or len(set(heads)) != len(heads):
                raise ConfigError(
                    f"{name} must name one or both of {', '.join(get_args(HeadName))}, once each; "
                    f"got {heads!r}"
                )
        for name in (
            "softmax_c",
            "svm_c",
            "lexical_softmax_c",
            "lexical_svm_c",
            "joint_gamma",
            "kernel_c",
            "tol",
        ):
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
        if not 0 <= self.set_share <= 1:
            raise ConfigError(f"set_share must be from 0 to 1; got {self.set_share!r}")
        if self.joint_rows < 0:
            raise ConfigError(f"joint_rows must be >= 0; got {self.joint_rows!r}")
        if self.folds < 2:
            raise ConfigError(f"folds must be >= 2; got {self.folds!r}")
        self.promise()  # checks what it is made of
