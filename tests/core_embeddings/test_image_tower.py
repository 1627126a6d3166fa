"""The head on frozen image features."""

import torch

from core_embeddings.image_tower import FeatureHead


def test_standardising_by_one_row_stays_finite_and_by_several_takes_their_deviation():
    head = FeatureHead(3, 4, 0.0).eval()
    one = torch.tensor([[1.0, 2.0, 3.0]])
    head.standardise_by(one)
    assert head.deviation.tolist() == [1.0, 1.0, 1.0]
    assert torch.isfinite(head(one)).all()
    head.standardise_by(torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 4.0]]))
    assert torch.allclose(head.deviation, torch.tensor([2.0**0.5, 1e-3, 8.0**0.5]))
