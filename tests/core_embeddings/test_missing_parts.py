"""Policies are checked by name; a constant picture is what training saw on average."""

import pytest
import torch

from core_embeddings.errors import ConfigError
from core_embeddings.image_tower import ArticleCNN, FeatureHead
from core_embeddings.missing_parts import MASKED, MissingParts, constant_image, settings_as_meant


def test_nothing_stands_in_unless_asked_for():
    assert MissingParts() == MASKED == MissingParts("mask", "mask")


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"text": "guess"}, "missing_text must be one of 'mask', 'default', .*; got 'guess'"),
        ({"image": "default"}, "missing_image must be one of 'mask', 'mean'; got 'default'"),
    ],
)
def test_an_unknown_policy_is_refused(policy, message):
    with pytest.raises(ConfigError, match=message):
        MissingParts(**policy)


def test_the_constant_picture_is_the_mean_of_the_training_features():
    features = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    head = FeatureHead(2, 4, 0.0)
    head.standardise_by(features)
    assert constant_image(head, features).tolist() == [2.0, 20.0]


def test_a_cnn_on_pixels_gets_a_page_of_the_mean_colour():
    pixels = torch.zeros((2, 16, 16, 3), dtype=torch.uint8)
    pixels[0, ..., 0], pixels[1, ..., 1] = 200, 100
    tower = ArticleCNN(16, 4)
    tower.standardise_by(pixels)
    page = constant_image(tower, pixels)
    assert page.shape == (16, 16, 3)
    assert page.dtype == torch.uint8
    assert (page == torch.tensor([100, 50, 0], dtype=torch.uint8)).all()


@pytest.mark.parametrize(
    ("saved", "text"),
    [
        ({"missing_text": "default"}, "mask"),
        ({"missing_text": "context"}, "context"),
        ({"missing_text": "default", "missing_image": "mask"}, "default"),
    ],
)
def test_default_meant_the_mask_before_pictures_had_a_policy(saved, text):
    assert settings_as_meant(saved)["missing_text"] == text
