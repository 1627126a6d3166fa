"""Drift of products made by hand, and the command on a fitted shop."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest

from core_embeddings.errors import ConfigError, TuwenError
from tuwen import cli
from tuwen.drift import ALARM, SAME, DriftConfig, Seen, compare, shop_drift

CONFIG = DriftConfig(draws=999)


def seen(size, seed, *, centre=0.0, reds=0.5, pictures=1.0, sure=0.9, unknown=0.1):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(size, 4)).astype(np.float32) + np.float32(centre)
    values = np.where(rng.random(size) < reds, "red", "blue").astype(object)
    confidence = np.clip(sure + 0.05 * rng.normal(size=size), 0, 1)
    return Seen(
        fused=rows,
        image=rows[:, ::-1],
        text=rows,
        has_image=rng.random(size) < pictures,
        has_text=np.ones(size, dtype=bool),
        unknown=np.clip(unknown + 0.05 * rng.normal(size=size), 0, 1),
        distance=np.abs(rows).mean(axis=1).astype(np.float64),
        nearest=np.array(["known"] * size, dtype=object),
        tags={"color": pd.DataFrame({"value": values, "confidence": confidence})},
    )


def compared(old, new, config=CONFIG):
    count = len(old.distance) + len(new.distance)
    ids = np.array([f"n{row}" for row in range(len(new.distance))], dtype=object)
    return compare(old, new, np.arange(count), ids, config)


def alarmed(found):
    lines = found.lines[found.lines["state"] != SAME]
    return set(zip(lines["about"], lines["measure"], strict=True))


def test_where_nothing_changed_any_alarm_at_all_is_rarer_than_alpha():
    """60 pairs at 5 %: 3 expected at most; more than 9 have a chance below one in a thousand."""
    config = DriftConfig(draws=199)
    alarms = sum(
        compared(seen(60, 2 * trial), seen(40, 2 * trial + 1), config).alarms > 0
        for trial in range(60)
    )
    assert alarms <= 9


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"reds": 0.05}, ("color", "values (PSI)")),
        ({"pictures": 0.6}, ("picture", "share of products")),
        ({"unknown": 0.3}, ("words", "unknown words")),
        ({"sure": 0.6}, ("color", "unsure")),
    ],
)
def test_each_change_is_alarmed_where_it_is_and_nowhere_else(change, expected):
    found = compared(seen(150, 0), seen(120, 1, **change))
    assert alarmed(found) == {expected}


def test_products_of_another_kind_are_alarmed_as_vectors_and_as_strangers():
    found = compared(seen(150, 0), seen(120, 1, centre=2.0))
    assert {("product", "vectors (energy)"), ("product", "strangers")} <= alarmed(found)
    assert found.lines["state"].isin([SAME, ALARM]).all()
    far = found.strangers[found.strangers["field"] == ""]
    assert len(far) > 60
    assert found.strangers["p_value"].is_monotonic_increasing
    assert (found.strangers["p_value"] <= 0.05).all()


def test_a_small_but_certain_change_of_values_is_only_watched():
    found = compared(seen(500, 0, reds=0.5), seen(500, 1, reds=0.3))
    lines = found.lines.set_index(["about", "measure"])
    line = lines.loc[("color", "values (PSI)")]
    assert 0.1 < line["size"] < 0.25 and line["state"] == "watch"


def test_settings_are_checked():
    with pytest.raises(ConfigError, match="alpha must be between 0 and 1"):
        DriftConfig(alpha=1.0)
    with pytest.raises(ConfigError, match="draws must be >= 99"):
        DriftConfig(draws=10)


def run(capsys, *arguments):
    code = cli.run([*arguments, "--json", "--quiet"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return json.loads(captured.out)


def test_products_without_a_picture_and_with_other_words_raise_an_alarm(shop, tmp_path, capsys):
    words = ["zx", "qv", "jj", "kw", "xylo", "quartz", "vex", "fjord", "glyph", "waltz", "nymph"]
    rows = [f"n{at:03d},{' '.join(np.roll(words, at)[:6])}" for at in range(60)]
    table = tmp_path / "new.csv"
    table.write_text("product_id,title\n" + "\n".join(rows) + "\n")
    out = tmp_path / "strangers.csv"
    answer = run(capsys, "drift", str(shop.root), str(table), "--out", str(out))
    alarms = {
        (line["about"], line["measure"]) for line in answer["lines"] if line["state"] == ALARM
    }
    assert {("picture", "share of products"), ("words", "unknown words")} <= alarms
    assert answer["alarms"] == len(alarms) and answer["incoming"] == 60
    assert set(pd.read_csv(out).columns) == {"product_id", "field", "value", "p_value"}


def test_where_some_products_are_drawn_the_user_is_told(shop, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tuwen.drift.DriftConfig", partial(DriftConfig, rows=20))
    table = tmp_path / "new.csv"
    rows = "".join(f"n{at:03d},red dress {at}\n" for at in range(30))
    table.write_text(f"product_id,title\n{rows}")
    assert cli.run(["drift", str(shop.root), str(table)]) == 0
    assert "30 products came; 20 drawn from them are judged" in capsys.readouterr().err


def test_products_that_were_learned_from_are_no_new_ones(shop):
    catalogue = shop.catalogue()
    learned = catalogue[catalogue["split"] == "train"].reset_index(drop=True)
    with pytest.raises(TuwenError, match="that the shop did not learn from"):
        shop_drift(shop, learned)
