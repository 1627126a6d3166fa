"""Reasons in a world where each tag hangs on one word, or on one spot of the picture."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from classify.tagger_config import TaggerConfig
from classify.taggers import TaggerSet
from core_embeddings.errors import ConfigError
from core_embeddings.towers import Views
from core_embeddings.vector_table import VectorTable
from tuwen.product_versions import first_picture
from tuwen.reason_page import page, write_reasons
from tuwen.reasons import WordWorth, explain, named_words
from tuwen.tag_odds import TagModel, log_odds, members_of

MATERIALS = ("wool", "cotton")
COLOURS = {"red": (220, 0, 0), "blue": (0, 0, 220)}


class Eyes:
    """An embedder that sees how red and how blue a picture is, and reads two words."""

    text_input = SimpleNamespace(tokenizer=str.split)

    def views(self, products):
        image = np.array([self.see(cell) for cell in products["image"]], dtype=np.float32)
        texts = products["title"] + " " + products["description"]
        words = [text.lower().split() for text in texts]
        text = np.array([[w.count(m) for m in MATERIALS] for w in words], dtype=np.float32)
        has_image = np.array([len(cell) > 0 for cell in products["image"]])
        has_text = np.array([len(w) > 0 for w in words])
        fused = np.hstack([image, text])
        fused /= np.maximum(np.linalg.norm(fused, axis=1, keepdims=True), 1e-9)
        return Views(fused, image, text, has_image, has_text)

    def encode(self, products):
        return self.views(products).fused

    @staticmethod
    def see(cell):
        if not cell:
            return [0.0, 0.0]
        pixels = np.asarray(Image.open(cell[0]).convert("RGB")).reshape(-1, 3).astype(int)
        red, blue = pixels[:, 0] - pixels[:, 2], pixels[:, 2] - pixels[:, 0]
        return [(red > 100).mean() * 10, (blue > 100).mean() * 10]


def draw(path, colour):
    """A spot of colour above on the left, a grey one below on the right, on white."""
    pixels = np.full((64, 64, 3), 255, dtype=np.uint8)
    pixels[8:24, 8:24] = COLOURS[colour]
    pixels[40:56, 40:56] = 128
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for colour in COLOURS:
        draw(folder / f"{colour}.png", colour)
    rng = np.random.default_rng(0)
    rows = []
    for row in range(80):
        material, colour = rng.choice(MATERIALS), rng.choice(list(COLOURS))
        traits = [trait for trait in ("light", "soft") if rng.random() < 0.6] or ["soft"]
        rows.append(
            {
                "product_id": f"p{row:03d}", "title": f"Warm {material} thing", "brand": "",
                "description": f"made with care {' '.join(traits)}", "category": "",
                "material": material, "traits": "|".join(traits),
                "color": colour, "image": (str(folder / f"{colour}.png"),),
                "image_digest": (colour,),
            }
        )  # fmt: skip
    products = pd.DataFrame(rows)
    eyes = Eyes()
    seen = eyes.views(products)
    split = np.where(np.arange(80) % 3 == 0, "val", "train").astype(object)
    config = TaggerConfig(min_auto_rows=1)
    views = {"fused": seen.fused, "image": seen.image, "text": seen.text}
    taggers = TaggerSet.fit(
        views, products, fields=("material", "color", "traits"), split=split, config=config
    )
    ones = np.ones(80, dtype=bool)
    vectors = VectorTable(products["product_id"].tolist(), seen.fused, ones, ones, "f")
    return SimpleNamespace(model=TagModel(eyes, taggers), products=products, vectors=vectors)


def reason_of(world, field, **changes):
    product = world.products.iloc[[0]].assign(**changes).reset_index(drop=True)
    found = explain(
        world.model, product, fields=[field], labelled=world.products, vectors=world.vectors
    )
    return product, found, found.tags[0]


def test_the_word_that_decides_is_named_and_the_others_are_worth_nothing(world):
    product, _, reason = reason_of(world, "material")
    assert reason.value == product["material"][0]
    assert [word.word for word in reason.named] == [reason.value]
    worth = {word.word: word.effect for word in reason.words}
    traits = product["traits"][0].split("|")
    assert set(worth) == {"warm", reason.value, "thing", "made", "with", "care", *traits}
    assert all(abs(worth[word]) < 0.3 * worth[reason.value] for word in ("made", "care"))


def test_the_worth_of_a_word_is_what_the_log_odds_lose_without_it(world):
    product, _, reason = reason_of(world, "material")
    less = product.assign(title=f"Warm {reason.value} ")
    said = world.model.ask(pd.concat([product, less], ignore_index=True), ["material"])
    tagger = world.model.taggers.tagger("material")
    odds = log_odds(
        said.by_field["material"], members_of(tagger.classes_, reason.value, "material")
    )
    worth = {word.word: word.effect for word in reason.words}
    assert worth["thing"] == pytest.approx(odds[0] - odds[1], abs=1e-6)
    assert reason.log_odds == pytest.approx(odds[0])
    assert reason.confidence == pytest.approx(1 / (1 + np.exp(-odds[0])), abs=1e-6)


def test_the_region_is_the_spot_of_colour_not_the_grey_one(world):
    product, _, reason = reason_of(world, "color")
    assert reason.value == product["color"][0]
    top, left, bottom, right = reason.region.box
    assert top < 24 and left < 24  # it touches the spot
    assert bottom <= 40 and right <= 40  # and not the other
    assert reason.region.effect > 0.5
    heat = reason.region.heat
    assert heat[8:24, 8:24].mean() > 10 * abs(heat[40:56, 40:56].mean())


def test_the_additive_part_is_held_against_the_other_value(world):
    _, _, reason = reason_of(world, "material")
    assert {reason.additive.value, reason.additive.rival} == set(MATERIALS)
    assert reason.additive.log_odds == pytest.approx(reason.log_odds, abs=1e-4)


def test_a_product_without_a_picture_has_no_region_and_one_without_text_no_words(world):
    _, _, reason = reason_of(world, "material", image=[()], image_digest=[()])
    assert reason.region is None and reason.named
    _, _, reason = reason_of(world, "color", title="", description="")
    assert reason.words == () and reason.region.box is not None


def test_neighbours_are_labelled_with_the_field(world):
    product, _, reason = reason_of(world, "color")
    assert len(reason.neighbours) == 5
    assert {near.value for near in reason.neighbours} == {product["color"][0]}
    assert product["product_id"][0] not in {near.product_id for near in reason.neighbours}


def test_each_value_of_a_set_has_a_reason_of_its_own(world):
    row = int(np.flatnonzero(world.products["traits"] == "light|soft")[0])
    product = world.products.iloc[[row]].reset_index(drop=True)
    found = explain(world.model, product, fields=["traits"]).tags
    assert [reason.value for reason in found] == ["light", "soft"]
    for reason in found:
        assert reason.words[0].word == reason.value
        assert reason.additive is None
        assert reason.confidence == pytest.approx(1 / (1 + np.exp(-reason.log_odds)))


def test_a_picture_that_is_gone_is_no_reason_and_no_error(world):
    assert first_picture(world.products.iloc[[0]].assign(image=[("gone.png",)])) is None
    assert first_picture(world.products.iloc[[0]]) is not None


def test_a_field_nobody_learned_is_refused(world):
    with pytest.raises(ConfigError, match="'size' was not learned"):
        reason_of(world, "size")


def test_no_more_than_three_words_are_named_and_none_far_below_the_first():
    worth = zip("abcde", (5, 2, 1, 0.9, 0.1), strict=True)
    words = [WordWorth(name, effect, 0.0) for name, effect in worth]
    assert [word.word for word in named_words(words)] == ["a", "b", "c"]
    assert [word.word for word in named_words([words[0], words[4]])] == ["a"]
    assert named_words([WordWorth("a", 0.01, 0.0)]) == []
    assert named_words([]) == []


def test_a_tag_on_a_level_of_a_path_stands_for_all_below_it():
    said = np.log([[0.2, 0.3, 0.5]])
    classes = np.array(["A > B", "A > C", "D"], dtype=object)
    assert log_odds(said, members_of(classes, "A", "category"))[0] == pytest.approx(0.0)
    assert not members_of(classes, "A", "color").any()


def test_the_page_escapes_what_sellers_wrote_and_loads_nothing(world):
    evil = '<script>alert("1")</script> wool'
    _, found, _ = reason_of(world, "material", title=evil)
    html = page(found, tokenize=str.split)
    assert "<script" not in html and "&lt;" in html
    assert "default-src 'none'" in html
    assert "http://" not in html and "https://" not in html
    assert html.count("<section>") == 1


def test_pages_and_overlays_are_written_under_names_that_files_may_have(world, tmp_path):
    _, found, _ = reason_of(world, "color")
    pictures = {near.product_id: tmp_path / "absent.png" for near in found.tags[0].neighbours}
    written = write_reasons(found, tmp_path / "out", tokenize=str.split, pictures=pictures)
    assert [path.name for path in written] == ["why.html", "color.png"]
    with Image.open(written[1]) as image:
        assert max(image.size) == 384
    assert 'src="data:image' in written[0].read_text(encoding="utf-8")


def test_each_value_of_a_set_has_an_overlay_of_its_own(world, tmp_path):
    row = int(np.flatnonzero(world.products["traits"] == "light|soft")[0])
    product = world.products.iloc[[row]].reset_index(drop=True)
    found = explain(world.model, product, fields=["traits"])
    written = write_reasons(found, tmp_path / "out", tokenize=str.split)
    assert [path.name for path in written] == ["why.html", "traits.png", "traits-1.png"]
    assert all(path.is_file() for path in written)
