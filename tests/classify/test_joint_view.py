"""The kernel over all views: what it is, whom it knows, and that it comes back from a file."""

import numpy as np
import pytest
from scipy import sparse

from classify.joint_view import JointView
from classify.rotation import Rotation
from core_embeddings.errors import ArtefactError

IDS = tuple(f"p{row}" for row in range(12))


@pytest.fixture
def views():
    rng = np.random.default_rng(0)
    words = sparse.random_array((12, 9), density=0.5, rng=rng, dtype=np.float32).tocsr()
    lengths = np.sqrt(np.asarray(words.multiply(words).sum(axis=1)).ravel())
    words.data /= np.repeat(np.maximum(lengths, 1e-9), np.diff(words.indptr))
    return {"fused": rng.normal(size=(12, 4)).astype(np.float32), "lexical": words}


def view_of(views, rows=slice(None), gamma=2.0, rotations=None):
    own = {name: X[rows] for name, X in views.items()}
    return JointView.fit(own, rotations or {}, ids=IDS[rows], gamma=gamma)


def test_kernel_is_the_exponential_of_the_mean_cosine(views):
    kernel = view_of(views).transform(views)
    dense, words = views["fused"], views["lexical"].toarray()
    for a in range(12):
        for b in range(12):
            cosine = dense[a] @ dense[b] / np.linalg.norm(dense[a]) / np.linalg.norm(dense[b])
            expected = np.exp(2 * ((cosine + words[a] @ words[b]) / 2 - 1))
            assert kernel[a, b] == pytest.approx(expected, abs=1e-3)


def test_rows_of_a_table_are_told_by_id_and_strangers_are_nobody(views):
    joint = view_of(views, slice(0, 3))
    rows = joint.rows(["p2", "new", "p0"])
    assert rows.place.tolist() == [2, -1, 0]
    np.testing.assert_allclose(rows.kernel, joint.transform(views)[:3], atol=1e-3)


def test_knowing_more_products_adds_columns_and_changes_none(views):
    few, all_at_once = view_of(views, slice(0, 5)), view_of(views)
    more = few.with_more({name: X[5:] for name, X in views.items()}, IDS[5:])
    assert more.ids == IDS
    np.testing.assert_array_equal(more.transform(views), all_at_once.transform(views))
    np.testing.assert_array_equal(more.transform(views)[:, :5], few.transform(views))


def test_wide_views_are_compared_in_their_rotation(views):
    rotation = Rotation.fit(views["fused"], size=2)
    turned = {"fused": rotation.apply(views["fused"])}
    joint = view_of({"fused": views["fused"]}, rotations={"fused": rotation})
    expected = view_of(turned).transform(turned)
    np.testing.assert_allclose(joint.transform(views), expected, atol=1e-5)


@pytest.mark.parametrize("rotated", [False, True])
def test_saved_view_compares_alike(views, tmp_path, rotated):
    rotations = {"fused": Rotation.fit(views["fused"], size=3)} if rotated else {}
    joint = view_of(views, rotations=rotations)
    joint.save(tmp_path)
    again = JointView.load(tmp_path)
    assert again.ids == joint.ids
    np.testing.assert_array_equal(again.transform(views), joint.transform(views))


def test_damaged_file_is_refused_by_name(tmp_path):
    (tmp_path / "joint.npz").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(ArtefactError, match=r"joint.npz cannot be read .*; run the fit again"):
        JointView.load(tmp_path)
