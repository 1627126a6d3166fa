"""The head on frozen image features, and the article's network on pixels."""

import torch

from core_embeddings.image_tower import ArticleCNN, FeatureHead


def test_standardising_by_one_row_stays_finite_and_by_several_takes_their_deviation():
    head = FeatureHead(3, 4, 0.0).eval()
    one = torch.tensor([[1.0, 2.0, 3.0]])
    head.standardise_by(one)
    assert head.deviation.tolist() == [1.0, 1.0, 1.0]
    assert torch.isfinite(head(one)).all()
    head.standardise_by(torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 4.0]]))
    assert torch.allclose(head.deviation, torch.tensor([2.0**0.5, 1e-3, 8.0**0.5]))


def test_pixels_are_standardised_per_channel_over_all_training_rows(monkeypatch):
    monkeypatch.setattr("core_embeddings.image_tower._ROWS_AT_ONCE", 3)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (7, 16, 16, 3), dtype=torch.uint8, generator=generator)
    pixels[..., 2] = 255  # a channel that never changes
    tower = ArticleCNN(16, 4)
    tower.standardise_by(pixels)
    flat = pixels.double().reshape(-1, 3) / 255
    assert torch.allclose(tower.mean.double(), flat.mean(0), atol=1e-6)
    expected = flat.std(0, correction=0)
    assert torch.allclose(tower.deviation[:2].double(), expected[:2], atol=1e-6)
    assert tower.deviation[2] == 1e-3


def test_the_articles_network_has_the_articles_layers():
    """Conv 32 3x3, pool 2, conv 64 3x3, pool 2, flatten, full connection."""
    tower = ArticleCNN(32, 8).eval()
    pixels = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    first, _, pool, second, *_ = tower.convolutions
    assert (first.weight.shape, second.weight.shape) == ((32, 3, 3, 3), (64, 32, 3, 3))
    assert pool.kernel_size == 2
    assert tower.connect.in_features == 64 * 6 * 6
    maps = tower.convolutions(pixels.permute(0, 3, 1, 2) / 255.0)
    assert torch.allclose(tower(pixels), torch.relu(tower.connect(maps.flatten(1))), atol=1e-6)


def test_in_training_about_half_of_the_pictures_are_mirrored_and_otherwise_none():
    torch.manual_seed(0)
    tower = ArticleCNN(16, 4)
    picture = torch.randint(0, 256, (16, 16, 3), dtype=torch.uint8)
    with torch.no_grad():
        plain, mirrored = tower.eval()(torch.stack([picture, picture.flip(1)]))
        seen = tower.train()(picture.expand(200, -1, -1, -1))
    as_is = torch.isclose(seen, plain, atol=1e-5).all(1)
    turned = torch.isclose(seen, mirrored, atol=1e-5).all(1)
    assert not torch.allclose(plain, mirrored)
    assert bool((as_is ^ turned).all())
    assert 70 < int(turned.sum()) < 130
