"""Everything that decides what an embedder is, as one frozen value; presets by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core_embeddings.config import from_mapping, to_mapping
from core_embeddings.errors import ConfigError
from core_embeddings.missing_parts import MissingImage, MissingText
from core_embeddings.runtime import EngineName, Precision, Runtime

PresetName = Literal["default", "article"]
FusionName = Literal["concat_relu", "gated", "split", "weighed", "tokens"]
RnnName = Literal["relu", "gru", "lstm"]
PoolingName = Literal["last", "mean_max"]
COMPUTING = ("engine", "precision")
"""Settings of how an embedder is computed: no part of what it is."""
_AT_LEAST_ONE = (
    *("max_tokens", "min_count", "buckets", "word_size", "rnn_size", "tower_size", "layers"),
    *("epochs", "patience", "finetune_epochs", "members"),
)

_WEIGHTS = (
    *("image_text", "query_product", "part_product", "labels", "l1", "distill", "category"),
    *("hard_negatives", "hard_margin", "hard_after", "co_purchase", "co_purchase_days"),
)


@dataclass(frozen=True)
class EmbedderConfig:
    """Settings of a `FusionEmbedder`.

    Parameters
    ----------
    preset
        Where the defaults come from: ``default``, or ``article``, the article's own network.
    backbone, weights
        The frozen CNN and where its weights are (see `backbones.load_backbone`); ``auto`` takes
        EfficientNet-Lite0 when its weights package is installed and otherwise ``pixels``, a CNN
        trained from scratch on the pixels, which is much weaker.
    image_size, resize
        Side in pixels, and how a picture gets there.
    unfreeze
        How many of the CNN's last stages are adapted to the train photos before anything is trained
        on its features: 0 for none, -1 for all; without effect on ``pixels``.
    finetune_epochs, backbone_learning_rate, image_augmentation
        Of that adaptation: passes over the photos, the rate of the stages, and the strength in
        [0, 1] of the views drawn of each photo, which never touch its hue.
    missing_text, missing_image
        What stands in for a missing text (the article's Q2) or picture: see `MissingParts`.
    tokenizer, pos_filter, max_tokens, min_count, max_words, buckets
        Text to tokens to ids.
    word_vectors
        Pretrained word vectors: ``auto`` (the multilingual sentence encoder when installed),
        ``none``, or the path of a file in the usual text format.
    linear_twin, word_direction
        Whether parts in closed form stand beside the network's in every vector, in shares chosen
        on validation: canonical correlation of frozen features and words, and the mean pretrained
        word vector (see `closed_form.ClosedForm`). They need a backbone and pretrained vectors,
        and widen the vectors by up to 64 and 128 numbers.
    word_size, rnn, rnn_size, layers, bidirectional, pooling, word_shortcut, word_bag
        The text tower; the last two let words reach F_text past the RNN, by the mean of their
        pretrained vectors and by a learned vector of each.
    tower_size, embedding_size, fusion, dropout
        Width D of F_image and F_text, width of the shared vector, and how they are fused.
    engine, precision
        How it is computed, see `runtime.Runtime`; no part of what the embedder is.
    text_residual
        How much of a product's text-alone vector is added to its fused one before the last
        normalisation, so that words asked for stay findable; None chooses on validation.
    text_lean
        How far the gate between picture and words is moved towards the words after training, as
        a shift of its logit; negative towards the picture; None chooses on validation. Fusions
        without a gate have nothing to move.
    objective
        ``shared`` for the losses weighed below, ``match`` for the article's true/false pairs.
    image_text, query_product, part_product, labels
        Weights of the losses of ``shared``: image to text, pseudo-query to product, one modality
        to the whole product, and the category and attribute heads.
    category
        Weight of the category-aware contrastive loss: the more levels shared, the nearer.
    same_category
        Whether products of one category leaf are negatives of each other in image to text and part
        to whole.
    hard_negatives, hard_margin, hard_after
        Weight of the hinge on the hardest wrong answer of a batch, for image to text and words to
        product; how much nearer the right one shall be, in cosine; epochs it waits.
    co_purchase, co_purchase_days, co_purchase_cap
        Weight of the loss that draws together what the same users bought, where interactions are
        given; how far apart in days; how many of a user's latest products count.
    modality_dropout
        Share of products that train with one of their two modalities hidden.
    word_dropout, label_smoothing, l1
        Regularisation; L2 is ``weight_decay``.
    foreign_words
        Share of the words of pseudo-queries that train by their pretrained vector alone, so that
        a query in another language is understood.
    epochs, batch_size, learning_rate, weight_decay, patience
        Optimisation.
    members, distill
        With more than one member, so many embedders are trained from different seeds, and then the
        one that is kept, which also learns from their mean decisions with this weight.
    """

    preset: PresetName = "default"
    backbone: str = "auto"
    weights: str | None = None
    image_size: int = 128
    resize: Literal["fixed", "crop", "pad"] = "pad"
    unfreeze: int = 0
    finetune_epochs: int = 5
    backbone_learning_rate: float = 2e-4
    image_augmentation: float = 1.0
    missing_text: MissingText = "context"
    missing_image: MissingImage = "mask"
    engine: EngineName = "auto"
    precision: Precision = "auto"
    tokenizer: Literal["jieba", "rjieba"] = "jieba"
    pos_filter: bool = False
    max_tokens: int = 48
    min_count: int = 2
    max_words: int = 50_000
    buckets: int = 2_000
    word_vectors: str = "auto"
    linear_twin: bool = True
    word_direction: bool = True
    word_size: int = 128
    rnn: RnnName = "gru"
    rnn_size: int = 128
    layers: int = 1
    bidirectional: bool = True
    pooling: PoolingName = "mean_max"
    word_shortcut: bool = True
    word_bag: bool = True
    tower_size: int = 512
    embedding_size: int = 256
    fusion: FusionName = "gated"
    text_residual: float | None = None
    text_lean: float | None = None
    dropout: float = 0.2
    objective: Literal["shared", "match"] = "shared"
    category: float = 0.0
    same_category: Literal["negative", "ignored"] = "negative"
    hard_negatives: float = 0.0
    hard_margin: float = 0.2
    hard_after: int = 2
    co_purchase: float = 0.0
    co_purchase_days: float = 7.0
    co_purchase_cap: int = 20
    image_text: float = 0.5
    query_product: float = 1.0
    part_product: float = 1.5
    labels: float = 1.0
    modality_dropout: float = 0.3
    word_dropout: float = 0.1
    foreign_words: float = 0.3
    label_smoothing: float = 0.05
    l1: float = 0.0
    epochs: int = 25
    batch_size: int = 128
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-2
    patience: int = 25
    members: int = 1
    distill: float = 1.0

    def __post_init__(self) -> None:
        Runtime(self.engine, self.precision)  # refuses what is no engine or precision
        for name in _AT_LEAST_ONE:
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        _require(self.max_words >= 0, "max_words", "at least 0", self.max_words)
        _require(self.image_size >= 16, "image_size", "at least 16 pixels", self.image_size)
        for name in ("learning_rate", "backbone_learning_rate"):
            _require(getattr(self, name) > 0, name, "above 0", getattr(self, name))
        _require(self.unfreeze >= -1, "unfreeze", "-1, 0 or a number of stages", self.unfreeze)
        views = self.image_augmentation
        _require(0 <= views <= 1, "image_augmentation", "in [0, 1]", views)
        _require(self.weight_decay >= 0, "weight_decay", "at least 0", self.weight_decay)
        _require(self.batch_size >= 2, "batch_size", "at least 2", self.batch_size)
        _require(self.embedding_size >= 2, "embedding_size", "at least 2", self.embedding_size)
        for name in (
            "dropout",
            "modality_dropout",
            "word_dropout",
            "foreign_words",
            "label_smoothing",
        ):
            value = getattr(self, name)
            _require(0 <= value < 1, name, "in [0, 1)", value)
        for name in _WEIGHTS:
            _require(getattr(self, name) >= 0, name, "at least 0", getattr(self, name))
        cap, width = self.co_purchase_cap, self.tower_size
        _require(cap >= 2, "co_purchase_cap", "at least 2", cap)
        whole = self.fusion != "tokens" or width % 4 == 0
        _require(whole, "tower_size", 'a multiple of 4 with fusion "tokens"', width)
        alone = self.members == 1 or self.objective == "shared"
        _require(alone, "members", 'one where the objective is not "shared"', self.members)
        residual = self.text_residual
        _require(residual is None or residual >= 0, "text_residual", "at least 0", residual)
        lean = self.text_lean
        _require(lean is None or abs(lean) <= 10, "text_lean", "from -10 to 10", lean)

    @property
    def runtime(self) -> Runtime:
        """How it is computed; the environment wins."""
        return Runtime.chosen(self.engine, self.precision)

    def deciding(self) -> dict[str, Any]:
        """Return the settings that decide what an embedder is, without how it is computed."""
        return {name: value for name, value in to_mapping(self).items() if name not in COMPUTING}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> EmbedderConfig:
        """Build a config from plain values, the rest from the preset they name.

        Raises
        ------
        ConfigError
            If a key or the preset is unknown, or a value is out of range.
        """
        name = settings.get("preset", "default")
        if name not in PRESETS:
            raise ConfigError(f"embedder.preset must be one of {', '.join(PRESETS)}; got {name!r}")
        return from_mapping(cls, {**PRESETS[name], **settings}, owner="embedder")

    @classmethod
    def for_preset(cls, name: PresetName, **settings: Any) -> EmbedderConfig:
        """Build a preset's config with some settings changed."""
        return cls.from_settings({"preset": name, **settings})


PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    # The article's section 5.2: conv 32, pool, conv 64, pool, flatten; embedding 64, two LSTM of
    # 64, the last state; the fusion layer of its 4.2.3; sigmoid match; Adam, ten epochs. Side,
    # width of the fusion, tokens, batch and rate are ours, chosen on validation rows for what they
    # cost on two cores (docs/decisions.md).
    "article": {
        "backbone": "pixels",
        "image_size": 32,
        "resize": "fixed",
        "word_vectors": "none",
        "linear_twin": False,
        "word_direction": False,
        "word_size": 64,
        "rnn": "lstm",
        "rnn_size": 64,
        "layers": 2,
        "bidirectional": False,
        "pooling": "last",
        "word_shortcut": False,
        "word_bag": False,
        "tower_size": 64,
        "embedding_size": 256,
        "fusion": "concat_relu",
        "text_residual": 0.0,
        "text_lean": 0.0,
        "objective": "match",
        "dropout": 0.0,
        "modality_dropout": 0.0,
        "word_dropout": 0.0,
        "foreign_words": 0.0,
        "label_smoothing": 0.0,
        "max_tokens": 24,
        "epochs": 10,
        "batch_size": 128,
        "learning_rate": 2e-3,
        "weight_decay": 1e-2,
        "patience": 3,
    },
}


def _require(holds: bool, name: str, expected: str, got: object) -> None:
    if not holds:
        raise ConfigError(f"embedder.{name} must be {expected}; got {got}")
