"""A user is told which tags rest on one half of a product."""

import pandas as pd

from tuwen.parts_at_hand import PartsAtHand, parts_at_hand


def test_products_are_counted_by_what_they_lack_and_a_brand_is_no_text():
    products = pd.DataFrame(
        {
            "title": ["red", "", "", "blue"], "description": ["", "warm", "", ""],
            "brand": ["", "", "Acme", ""], "image": [("a",), ("b",), ("c",), ()],
        }
    )  # fmt: skip
    assert parts_at_hand(products) == PartsAtHand(products=4, image_only=1, text_only=1)


def test_the_note_names_each_half_and_is_empty_where_nothing_lacks():
    assert PartsAtHand(9, 2, 3).note == (
        "2 of 9 products have no text: tagged by their pictures alone; "
        "3 of 9 products have no picture: tagged by their words alone"
    )
    assert PartsAtHand(9, 0, 0).note == ""
