"""The files of one field of sets: JSON and npz, as of the other fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classify.set_blend import SetBlend
from classify.set_tagger import SetTagger
from classify.tagger_config import TaggerConfig
from classify.value_heads import ValueHeads

Arrays = dict[str, NDArray[Any]]


def set_content(tagger: SetTagger) -> tuple[dict[str, Any], Arrays]:
    """Return what goes into JSON, and the weights."""
    arrays: Arrays = {}
    for at, head in enumerate(tagger.heads_.values()):
        arrays[f"{at}.coef"] = head.coef.astype(np.float32)
        arrays[f"{at}.intercept"] = head.intercept.astype(np.float32)
    content = {
        "classes": tagger.classes_.tolist(),
        "examples": tagger.examples_.tolist(),
        "views": list(tagger.heads_),
        "blends": {modality: asdict(blend) for modality, blend in tagger.blends_.items()},
    }
    return content, arrays


def set_tagger_from(
    content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], config: TaggerConfig
) -> SetTagger:
    """Return the tagger of what ``set_content`` gave.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the two do not fit together.
    """
    tagger = SetTagger(config)
    tagger.classes_ = np.array(content["classes"], dtype=object)
    tagger.examples_ = np.array(content["examples"], dtype=np.int64)
    for at, view in enumerate(content["views"]):
        head = ValueHeads(arrays[f"{at}.coef"], arrays[f"{at}.intercept"])
        if not len(tagger.classes_) == len(head.coef) == len(head.intercept):
            raise ValueError(f"{len(tagger.classes_)} values and weights {head.coef.shape}")
        tagger.heads_[view] = head
    for modality, found in content["blends"].items():
        tagger.blends_[modality] = SetBlend(
            tuple(found["weights"]),
            tuple(found["sizes"]),
            float(found["slope"]),
            float(found["offset"]),
        )
    return tagger
