"""A removed product is named in no file of the taggers, and they answer as before."""

import numpy as np

from classify.forgetting import forget_products
from classify.tagger_config import TaggerConfig
from classify.taggers import TaggerSet


def test_names_go_and_answers_stay(shop, tmp_path):
    config = TaggerConfig(dense_size=4, min_count=1, char_ngrams=False)
    TaggerSet.fit(
        shop.views, shop.products, fields=["shape"], split=shop.split, config=config
    ).save(tmp_path / "taggers", "")
    before = TaggerSet.load(tmp_path / "taggers")
    known = set(before.joint.ids)
    gone = sorted(known)[:2]
    assert forget_products(tmp_path / "taggers", [*gone, "never heard of"])
    after = TaggerSet.load(tmp_path / "taggers")
    assert known - set(after.joint.ids) == set(gone)
    assert len(set(after.joint.ids)) == len(known)
    for name in gone:
        assert all(name.encode() not in f.read_bytes() for f in (tmp_path / "taggers").iterdir())
    answers = [one.probabilities("shape", shop.views, shop.products) for one in (before, after)]
    assert np.array_equal(answers[0], answers[1])
    assert not forget_products(tmp_path / "taggers", gone)


def test_taggers_that_remember_nobody_have_nothing_to_forget(tmp_path):
    assert not forget_products(tmp_path, ["a"])
