"""The folder of a tagger set: JSON and npz, one pair per field; nothing is pickled."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classify.combination import Combination
from classify.joint_view import JointView
from classify.lexical_view import LexicalView, default_tokenizer
from classify.modalities import Part
from classify.promise import Evidence
from classify.set_store import set_content, set_tagger_from
from classify.set_tagger import SetTagger
from classify.tagger_config import TaggerConfig
from classify.taggers import TaggerSet
from classify.views import HEADS, MultiViewTagger
from core_embeddings.artefact import Manifest, new_folder, read_json, write_json
from core_embeddings.config import from_mapping, to_mapping
from core_embeddings.errors import ArtefactError

KIND: Final = "taggers"
VERSION: Final = 2
ARRAYS: Final = ("classes", "coef", "intercept")
EVIDENCE: Final = tuple(field.name for field in fields(Evidence))


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
            "set_fields": [[name, f"set-{at:03d}"] for at, name in enumerate(taggers.set_taggers)],
            "joint": taggers.joint is not None,
        }
        write_json(aside / "taggers.json", index)
        if taggers.lexical is not None:
            taggers.lexical.save(aside)
        for at, tagger in enumerate(taggers.taggers.values()):
            _save_field(tagger, aside / f"field-{at:03d}")
        for at, found in enumerate(taggers.set_taggers.values()):
            _save_set_field(found, aside / f"set-{at:03d}")
        if taggers.joint is not None:
            taggers.joint.save(aside)


def load_taggers(folder: Path, fingerprint: str | None) -> TaggerSet:
    """Read a tagger set; see ``TaggerSet.load``."""
    Manifest.read(folder, kind=KIND, version=VERSION, fingerprint=fingerprint)
    index = read_json(folder / "taggers.json")
    config = from_mapping(TaggerConfig, index["config"], owner="taggers")
    lexical = None
    if index["lexical"]:
        lexical = LexicalView.load(folder, tokenize=default_tokenizer(config.tokenizer))
    taggers = {name: _load_field(folder / stem, config) for name, stem in index["fields"]}
    sets = {name: _load_set_field(folder / stem, config) for name, stem in index["set_fields"]}
    joint = JointView.load(folder) if index["joint"] else None
    return TaggerSet(
        taggers, index["widths"], lexical, config, tuple(index["skipped"]), sets, joint
    )


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
        "evidence": sorted(tagger.evidence_),
    }
    arrays |= evidence_arrays(tagger.evidence_)
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
        tagger.evidence_ = evidence_from(content["evidence"], arrays)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _unfit(stem, error) from None
    return tagger


def _save_set_field(tagger: SetTagger, stem: Path) -> None:
    content, arrays = set_content(tagger)
    content["evidence"] = sorted(tagger.evidence_)
    write_json(stem.with_suffix(".json"), content)
    arrays |= evidence_arrays(tagger.evidence_)
    np.savez(stem.with_suffix(".npz"), **arrays)  # type: ignore[arg-type]


def _load_set_field(stem: Path, config: TaggerConfig) -> SetTagger:
    content, arrays = read_json(stem.with_suffix(".json")), _read_arrays(stem.with_suffix(".npz"))
    try:
        tagger = set_tagger_from(content, arrays, config)
        tagger.evidence_ = evidence_from(content["evidence"], arrays)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _unfit(stem, error) from None
    return tagger


def _unfit(stem: Path, error: Exception) -> ArtefactError:
    return ArtefactError(f"{stem}.json and .npz do not fit together ({error}); run the fit again")


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ArtefactError(f"{path} cannot be read ({error}); run the fit again") from None


def evidence_arrays(found: Mapping[str, Evidence]) -> dict[str, NDArray[Any]]:
    """Return the evidence of each modality as arrays with names of their own."""
    return {
        f"evidence.{modality}.{name}": getattr(evidence, name)
        for modality, evidence in found.items()
        for name in EVIDENCE
    }


def evidence_from(
    modalities: Sequence[str], arrays: Mapping[str, NDArray[Any]]
) -> dict[str, Evidence]:
    """Return what ``evidence_arrays`` took apart."""
    return {
        modality: Evidence(*(arrays[f"evidence.{modality}.{name}"] for name in EVIDENCE))
        for modality in modalities
    }
