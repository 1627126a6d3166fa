"""Settings of taggers."""

import pytest

from classify.tagger_config import TaggerConfig
from core_embeddings.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heads": ()}, "heads must name"),
        ({"heads": ("svm", "svm")}, "heads must name"),
        ({"dense_heads": ("knn",)}, "dense_heads must name"),
        ({"svm_c": 0.0}, "svm_c must be > 0"),
        ({"folds": 1}, "folds must be >= 2"),
        ({"threads": 0}, "threads must be >= 1"),
        ({"target_precision": 1.5}, "target_precision must be"),
        ({"assurance": 0.2}, "assurance must be"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        TaggerConfig(**settings)
