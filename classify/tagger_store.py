"""The folder of a tagger set: JSON and npz, one pair per field; nothing is pickled."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classify.combination import Combination
from classify.decisions import Threshold
from classify.lexical_view import LexicalView, default_tokenizer
from classify.tagger_config import TaggerConfig
from classify.taggers import TaggerSet
from classify.views import HEADS, MultiViewTagger, Part
from core_embeddings.artefact import Manifest, new_folder, read_json, write_json
from core_embeddings.config import from_mapping, to_mapping
from core_embeddings.errors import ArtefactError

KIND: Final = "taggers"
VERSION: Final = 1
ARRAYS: Final = ("classes", "coef", "intercept")


def save_taggers(taggers: TaggerSet, folder: Path, fingerprint: str) -> None:
    """Write a tagger set as a new folder that takes the place of an old one."""
    with new_folder(folder) as aside:
        Manifest(KIND, VERSION, fingerprint).write(aside)
        index = {
            "config": to_mapping(taggers.config),
            "widths": dict(taggers.widths),
            "skipped": list(taggers.skipped),
            "lexical": taggers.lexical is not None,
            # Fields are named by the user's table and may not be fit for a file name.
            "fields": [[name, f"field-{at:03d}"] for at, name in enumerate(taggers.taggers)],
        }
        write_json(aside / "taggers.json", index)
        if taggers.lexical is not None:
            taggers.lexical.save(aside)
        for at, tagger in enumerate(taggers.taggers.values()):
            _save_field(tagger, aside / f"field-{at:03d}")


def load_taggers(folder: Path, fingerprint: str | None) -> TaggerSet:
    """Read a tagger set; see ``TaggerSet.load``."""
    Manifest.read(folder, kind=KIND, version=VERSION, fingerprint=fingerprint)
    index = read_json(folder / "taggers.json")
    config = from_mapping(TaggerConfig, index["config"], owner="taggers")
    lexical = None
    if index["lexical"]:
        lexical = LexicalView.load(folder, tokenize=default_tokenizer(config.tokenizer))
    taggers = {name: _load_field(folder / stem, config) for name, stem in index["fields"]}
    return TaggerSet(taggers, index["widths"], lexical, config, tuple(index["skipped"]))


def _save_field(tagger: MultiViewTagger, stem: Path) -> None:
    parts = list(tagger.parts_.items())
    arrays: dict[str, NDArray[Any]] = {}
    for at, (_, head) in enumerate(parts):
        codes = np.searchsorted(tagger.classes_, head.classes_)
        values: tuple[NDArray[Any], ...] = (
            codes,
            head.coef_.astype(np.float32),
            head.intercept_.astype(np.float32),
        )
        arrays |= {f"{at}.{name}": value for name, value in zip(ARRAYS, values, strict=True)}
    content = {
        "classes": tagger.classes_.tolist(),
        "examples": tagger.examples_.tolist(),
        "parts": [[*part, head.temperature_] for part, head in parts],
        "combinations": {
            modality: asdict(found) for modality, found in tagger.combinations_.items()
        },
        "thresholds": {
            modality: _finite(asdict(found)) for modality, found in tagger.thresholds_.items()
        },
    }
    write_json(stem.with_suffix(".json"), content)
    np.savez(stem.with_suffix(".npz"), **arrays)  # type: ignore[arg-type]


def _load_field(stem: Path, config: TaggerConfig) -> MultiViewTagger:
    content, arrays = read_json(stem.with_suffix(".json")), _read_arrays(stem.with_suffix(".npz"))
    tagger = MultiViewTagger(config)
    try:
        tagger.classes_ = np.array(content["classes"], dtype=object)
        tagger.examples_ = np.array(content["examples"], dtype=np.int64)
        for at, (view, head, temperature) in enumerate(content["parts"]):
            codes, coef, intercept = (arrays[f"{at}.{name}"] for name in ARRAYS)
            part = HEADS[head].restored(
                tagger.classes_[codes], coef, intercept, temperature=float(temperature)
            )
            tagger.parts_[Part(view, head)] = part
        for modality, found in content["combinations"].items():
            weights = tuple(found["weights"])
            tagger.combinations_[modality] = Combination(weights, float(found["discount"]))
        for modality, found in content["thresholds"].items():
            tagger.thresholds_[modality] = _threshold(found)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ArtefactError(
            f"{stem}.json and .npz do not fit together ({error}); run the fit again"
        ) from None
    return tagger


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ArtefactError(f"{path} cannot be read ({error}); run the fit again") from None


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no infinity and no NaN: both become null."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _threshold(found: Mapping[str, Any]) -> Threshold:
    value = math.inf if found["value"] is None else float(found["value"])
    precision = math.nan if found["precision"] is None else float(found["precision"])
    return Threshold(value, precision, int(found["rows"]))
