import numpy as np
import torch

from core_embeddings.backbones import load_backbone
from core_embeddings.pooled_tower import PooledTower


def test_bytes_are_normalised_and_each_map_is_averaged_over_its_area():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    backbone = load_backbone("mobilenet_v3_small", "random")
    scaled = (pixels / 255 - np.array(backbone.mean)) / np.array(backbone.std)
    maps = backbone.module(torch.from_numpy(scaled.transpose(0, 3, 1, 2)).float())
    found = PooledTower(backbone)(torch.from_numpy(pixels))
    assert [block.shape[1] for block in found] == list(backbone.stage_channels)
    for block, stage in zip(found, maps, strict=True):
        np.testing.assert_allclose(block, stage.flatten(2).mean(2), rtol=1e-3, atol=1e-4)
    (last,) = PooledTower(backbone, last_only=True)(torch.from_numpy(pixels))
    torch.testing.assert_close(last, found[-1])
