"""Adding, removing and forgetting without a refit: found at once, and gone without a trace."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core_embeddings.errors import TuwenError
from tuwen import changes, correcting
from tuwen.loading import TableOptions, load_products
from tuwen.recommending import recommend_lists
from tuwen.search import search_shop, similar_products


def text_of_files(root: Path) -> str:
    """Everything a shop's files say, tables and arrays decoded."""
    parts = []
    for file in sorted(root.rglob("*")):
        if file.suffix == ".parquet":
            parts.append(pd.read_parquet(file).astype(str).to_csv())
        elif file.suffix == ".npz":
            arrays = np.load(file)
            parts += [str(arrays[name].tolist()) for name in arrays.files]
        elif file.is_file():
            parts.append(file.read_bytes().decode("latin-1"))
    return "\n".join(parts)


def test_an_added_product_is_found_and_listed_at_once(shop, tmp_path):
    table = tmp_path / "new.csv"
    table.write_text("product_id,title\nNEW1,zanzibar umbrella\n")
    assert changes.add_products(shop, load_products(table, TableOptions())) == (1, 0)
    hits = search_shop(shop, texts=["zanzibar umbrella"], images=[""], k=1)
    assert hits["product_id"].tolist() == ["NEW1"]
    assert shop.catalogue()["product_id"].is_monotonic_increasing
    everything = recommend_lists(shop, k=len(shop.catalogue()))
    assert "NEW1" in set(everything["product_id"])
    assert changes.add_products(shop, load_products(table, TableOptions())) == (0, 1)


def test_a_text_in_a_new_language_leaves_the_other_products_with_none_of_it(shop, tmp_path):
    table = tmp_path / "new.csv"
    table.write_text("product_id,title,title_fr\nNEW1,zanzibar umbrella,parapluie\n")
    changes.add_products(shop, load_products(table, TableOptions()))
    french = shop.catalogue().set_index("product_id")["title_fr"]
    assert french.pop("NEW1") == "parapluie"
    assert set(french) == {""}


def test_an_added_column_takes_the_type_that_the_shop_keeps(shop, tmp_path):
    table, notes = tmp_path / "new.csv", []
    table.write_text("product_id,title,color,price\nNEW1,zanzibar umbrella,7,cheap\n")
    changes.add_products(shop, load_products(table, TableOptions()), note=notes.append)
    row = shop.catalogue().set_index("product_id").loc["NEW1"]
    assert row["color"] == "7" and np.isnan(row["price"])
    assert notes == ["price: the shop keeps numbers; left out 1 values that are none"]


def test_a_removed_product_is_gone_from_every_file(shop):
    learned = shop.catalogue().query("split == 'train'")["product_id"]
    met = shop.recommender().state.interactions["product_id"]
    gone = met[met.isin(learned)].iloc[0]  # taggers remember what they learned from
    count = len(shop.catalogue())
    assert gone in text_of_files(shop.root)
    assert changes.remove_products(shop, [gone]) == 1
    assert gone not in text_of_files(shop.root)
    assert len(shop.catalogue()) == len(shop.vectors().product_ids) == count - 1
    with pytest.raises(TuwenError, match="there is no product"):
        similar_products(shop, gone)
    with pytest.raises(TuwenError, match=r"holds no product .*nothing was removed"):
        changes.remove_products(shop, [gone])
    with pytest.raises(TuwenError, match="would remove every product"):
        changes.remove_products(shop, shop.vectors().product_ids)


def test_a_removal_that_was_cut_is_ended_by_the_same_command(shop, monkeypatch):
    learned = shop.catalogue().query("split == 'train'")["product_id"]
    gone = learned[learned.str.startswith("P")].iloc[0]
    correcting.correct(shop, {(gone, "category"): "Z > New"})
    for name in (".taggers-0002.cut", "corrections/.0002.json.cut"):  # as a kill leaves them
        cut = shop.path(name, "joint.json") if "taggers" in name else shop.path(name)
        cut.parent.mkdir(exist_ok=True)
        cut.write_text(f'"{gone}"')

    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(changes, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            changes.remove_products(shop, [gone])
    assert gone in set(shop.catalogue()["product_id"])
    assert changes.remove_products(shop, [gone]) == 1
    assert gone not in text_of_files(shop.root)


def test_a_forgotten_user_is_gone_from_every_file(shop):
    user, path = shop.recommender().user_ids[0], shop.path("rejects.parquet")
    rejects = pd.read_parquet(path)
    broken = rejects.head(3).assign(value=[f'"{user},p1', f"{user}0", user])
    pd.concat([rejects, broken]).to_parquet(path)
    assert user in text_of_files(shop.root)
    assert changes.forget_users(shop, [user, "nobody"]) == 1
    assert not re.search(rf"\b{user}\b", text_of_files(shop.root))
    assert pd.read_parquet(path)["value"].tolist() == [*rejects["value"], f"{user}0"]
    assert user not in shop.recommender().user_ids
