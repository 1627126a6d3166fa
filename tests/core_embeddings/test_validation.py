"""What early stopping looks at: the pair test of the article's objective."""

import pytest
import torch

from core_embeddings.validation import Validation, _far_apart


class Judge:
    """A network that sees kinds alone, read off its inputs: picture and text of one kind match."""

    def see(self, kinds):
        return kinds[:, None]

    read = see

    def match_logits(self, image, text):
        return torch.where(image[:, 0] == text[:, 0], 1.0, -1.0)


def validation(kinds, groups, has_text=None):
    present = torch.ones(len(kinds), dtype=torch.bool)
    read = present if has_text is None else torch.tensor(has_text)
    parts = (torch.tensor(kinds), torch.tensor(kinds), present, read)
    return Validation(Judge(), *parts, {}, torch.tensor(groups), True)


def test_false_pairs_are_drawn_from_afar_since_neighbours_are_alike():
    """Eleven kinds in runs of 10: texts of the next products would nearly all look true."""
    kinds = [i // 10 for i in range(110)]
    assert validation(kinds, list(range(110)))() == {"pair_accuracy": 1.0, "score": 1.0}


def test_who_calls_every_pair_true_is_right_half_of_the_time():
    assert validation([0] * 6, list(range(6)))()["pair_accuracy"] == 0.5


def test_twins_and_incomplete_products_are_no_false_pairs():
    assert validation([0, 0], [4, 4])() == {"score": 0.0}
    assert validation([0, 0, 1], [0, 1, 2], [True, False, True])()["pair_accuracy"] == 1.0
    assert validation([3], [0])() == {"score": 0.0}


@pytest.mark.parametrize(("rows", "count"), [(0, 0), (1, 0), (2, 1), (5, 4), (11, 10), (500, 10)])
def test_distances_stay_within_the_rows(rows, count):
    found = _far_apart(rows)
    assert len(found) == count
    assert all(0 < distance < rows for distance in found)
