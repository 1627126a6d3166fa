"""Taggers on disk: alike when read again, refused where they are another's or damaged."""

import json

import pandas as pd
import pytest

from classify.taggers import TaggerSet
from core_embeddings.errors import ArtefactError, FingerprintError


@pytest.fixture(scope="module")
def fitted(shop):
    return TaggerSet.fit(shop.views, shop.products, fields=("category", "shape"), split=shop.split)


def test_saved_taggers_tag_alike_and_hold_no_pickle(shop, fitted, tmp_path):
    fitted.save(tmp_path / "taggers", "f" * 32)
    again = TaggerSet.load(tmp_path / "taggers", "f" * 32)
    pd.testing.assert_frame_equal(
        again.tag(shop.views, shop.products), fitted.tag(shop.views, shop.products), rtol=1e-6
    )
    pd.testing.assert_frame_equal(again.explain(), fitted.explain())
    assert again.config == fitted.config
    assert {file.suffix for file in (tmp_path / "taggers").iterdir()} == {".json", ".npz"}


def test_taggers_of_another_embedder_are_refused(fitted, tmp_path):
    fitted.save(tmp_path / "taggers", "f" * 32)
    with pytest.raises(FingerprintError, match="made with embedder ffff"):
        TaggerSet.load(tmp_path / "taggers", "e" * 32)


def test_damaged_field_is_refused(fitted, tmp_path):
    fitted.save(tmp_path / "taggers", "")
    path = tmp_path / "taggers" / "field-001.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["classes"] = content["classes"][:1]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ArtefactError, match="do not fit together"):
        TaggerSet.load(tmp_path / "taggers")
    (tmp_path / "taggers" / "field-000.npz").write_bytes(b"torn")
    with pytest.raises(ArtefactError, match="cannot be read"):
        TaggerSet.load(tmp_path / "taggers")
