"""Words for products that have none, in a world where pictures tell the colour and the kind."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from classify.tagger_config import TaggerConfig
from classify.taggers import TaggerSet
from core_embeddings.columns import Columns
from core_embeddings.errors import ConfigError
from core_embeddings.towers import Views
from core_embeddings.vector_table import VectorTable
from tuwen.describe import DescribeConfig, Describer, hidden, undescribed
from tuwen.tag_odds import TagModel

COLOURS = {"red": "红色", "blue": "蓝色"}
KINDS = {"Wear > Shirt": "衬衫", "Wear > Coat": "大衣"}
CUT = (*COLOURS.values(), *KINDS.values(), "新款")


def cut(text):
    """Split at spaces, and Chinese by the few words there are."""
    for word in CUT:
        text = text.replace(word, f" {word} ")
    return text.split()


class Eyes:
    """An embedder to which the picture of a product, by its name, says colour and kind."""

    text_input = SimpleNamespace(tokenizer=cut)

    def views(self, products):
        seen = np.array([self.see(cell) for cell in products["image"]], dtype=np.float32)
        has_text = (products["title"] != "").to_numpy()
        has_image = np.array([len(cell) > 0 for cell in products["image"]])
        fused = seen / np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-9)
        return Views(fused, seen, has_text[:, None].astype(np.float32), has_image, has_text)

    def encode(self, products):
        return self.views(products).fused

    @staticmethod
    def see(cell):
        if not cell:
            return [0.0] * 4
        colour, kind, seed = cell[0].split("/")
        one_hot = [*(colour == name for name in COLOURS), *(kind == name for name in ("0", "1"))]
        return np.array(one_hot) + np.random.default_rng(int(seed)).normal(scale=0.05, size=4)


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    rows = []
    for row in range(120):
        colour, kind = rng.choice(list(COLOURS)), int(rng.integers(2))
        category, line = list(KINDS)[kind], f"Line{row}"
        words = f"Acme {line} {colour} {category.split()[-1].lower()} {row}"
        if row % 3 == 0:
            words = f"Acme 新款{COLOURS[colour]}{KINDS[category]} {row}"
        rows.append(
            {
                "product_id": f"p{row:03d}", "title": words, "description": "", "brand": "Acme",
                "category": category, "color": colour, "luck": str(rng.choice(["x", "y"])),
                "image": (f"{colour}/{kind}/{row}",), "image_digest": (str(row),),
            }
        )  # fmt: skip
    products, eyes = pd.DataFrame(rows), Eyes()
    seen = eyes.views(products)
    views = {"fused": seen.fused, "image": seen.image, "text": seen.text}
    split = np.where(np.arange(120) % 3 == 1, "val", "train").astype(object)
    config = TaggerConfig(min_auto_rows=1, lexical=False)
    taggers = TaggerSet.fit(
        views, products, fields=("category", "color", "luck"), split=split, config=config
    )
    ones = np.ones(120, dtype=bool)
    vectors = VectorTable(products["product_id"].tolist(), seen.fused, ones, ones, "f")
    return SimpleNamespace(model=TagModel(eyes, taggers), products=products, vectors=vectors)


@pytest.fixture(scope="module")
def describer(world):
    return Describer(world.model, world.products, world.vectors, DescribeConfig(support=0.5))


def nameless(*pictures):
    """Products that have a picture and nothing else."""
    return pd.DataFrame(
        {
            "product_id": [f"n{at}" for at in range(len(pictures))], "title": "",
            "description": "", "brand": "", "category": "", "color": "",
            "image": [(picture,) if picture else () for picture in pictures],
            "image_digest": [(picture,) if picture else () for picture in pictures],
        }
    )  # fmt: skip


def test_a_product_is_described_in_both_languages_of_the_catalogue(describer):
    found = describer.describe(nameless("red/0/901", "blue/1/902"))
    assert found["title"].tolist() == ["red shirt", "blue coat"]
    assert found["title_zh"].tolist() == ["新款红色衬衫", "新款蓝色大衣"]
    assert found["description"].tolist() == ["Shirt. Color: red.", "Coat. Color: blue."]
    assert found["description_zh"].tolist() == [
        "类别：衬衫。颜色：红色。",
        "类别：大衣。颜色：蓝色。",
    ]


def test_no_brand_no_line_and_no_number_is_invented(describer):
    pictures = [f"{colour}/{kind}/{seed}" for colour in COLOURS for kind in "01" for seed in (7, 8)]
    found = describer.describe(nameless(*pictures))
    said = " ".join(found["title"]) + " ".join(found["description"])
    assert "acme" not in said.lower() and "line" not in said.lower()
    assert not any(sign.isdigit() for sign in said)


def test_what_the_words_rest_on_goes_with_them(describer, world):
    row = describer.describe(nameless("red/0/901")).iloc[0]
    assert [tag.split(" ")[0] for tag in row["tags"]] == ["category=Wear", "color=red"]
    known = world.products.set_index("product_id").loc[row["neighbours"]]
    assert set(known["color"]) == {"red"} and set(known["category"]) == {"Wear > Shirt"}


def test_a_value_nobody_can_be_sure_of_is_not_told(describer):
    found = describer.describe(nameless("red/0/901", "blue/1/902"))
    told = [tag.split("=")[0] for tags in found["tags"] for tag in tags]
    assert told == ["category", "color"] * 2  # luck is learned as well, and cannot be known


def test_a_known_product_is_not_described_by_its_own_title(world, describer):
    own = world.products.iloc[[0]].reset_index(drop=True)
    found = describer.describe(hidden(own)).iloc[0]
    assert own["product_id"][0] not in found["neighbours"]


def test_no_products_give_an_empty_table_with_all_columns(describer):
    found = describer.describe(nameless())
    assert list(found.columns) == [
        "product_id", "title", "description", "title_zh", "description_zh", "tags", "neighbours",
    ]  # fmt: skip
    assert found.empty


def test_a_catalogue_in_one_language_is_described_in_one(world):
    english = world.products["title"].str.contains("Line")
    rows = np.flatnonzero(english)
    vectors = world.vectors._replace(vectors=world.vectors.vectors[rows])
    one = Describer(world.model, world.products[english].reset_index(drop=True), vectors)
    assert one.languages == ["en"]
    assert "title_zh" not in one.describe(nameless("red/0/901")).columns


def test_a_catalogue_without_titles_still_tells_what_tags_say(world):
    mute = Describer(world.model, world.products.assign(title=""), world.vectors)
    found = mute.describe(nameless("red/0/901"))
    assert found["title"].tolist() == ["Shirt"]
    assert found["description"].tolist() == ["Shirt. Color: red."]


def test_titles_in_a_column_of_another_language_count_too(world):
    english = world.products["title"].str.contains("Line")
    rows = np.flatnonzero(english)
    named = world.products[english].reset_index(drop=True)
    both = named.assign(title_zh=[COLOURS[colour] for colour in named["color"]])
    vectors = world.vectors._replace(vectors=world.vectors.vectors[rows])
    found = Describer(world.model, both, vectors).describe(nameless("blue/1/902"))
    assert found["title_zh"].tolist() == ["蓝色"]


def test_only_products_with_too_few_words_are_undescribed():
    products = pd.DataFrame(
        {
            Columns.PRODUCT: list("abc"),
            Columns.TITLE: ["", "one two", "one two three"],
            Columns.DESCRIPTION: ["", "", "four"],
            Columns.BRAND: "Acme",
        }
    )
    few = undescribed(products, fewer_than=3, tokenize=str.split)
    assert few[Columns.PRODUCT].tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"confidence": 0.0}, "confidence must be above 0 and at most 1; got 0.0"),
        ({"support": 1.5}, "support must be above 0 and at most 1; got 1.5"),
        ({"neighbours": 0}, "neighbours must be >= 1; got 0"),
        ({"warmth": 0.0}, "warmth must be > 0; got 0.0"),
    ],
)
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(ConfigError, match=message):
        DescribeConfig(**setting)
