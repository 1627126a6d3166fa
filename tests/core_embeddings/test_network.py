import math

import pytest
import torch
import torch.nn.functional as F

from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.network import AGREEMENT, UNLIKELY, FusionNetwork, Shape

YES, NO = torch.tensor([True]), torch.tensor([False])


def network(**settings):
    torch.manual_seed(0)
    config = EmbedderConfig(tower_size=6, embedding_size=5, word_vectors="none", **settings)
    return FusionNetwork(config, Shape(7, 20, 0), {"color": 3}).eval()


def test_every_vector_has_unit_length_and_nothing_gives_zeros():
    made = network()
    image, text = torch.randn(1, 6), torch.randn(1, 6)
    for has_image, has_text in ((YES, YES), (YES, NO), (NO, YES)):
        norm = made.fuse(image, text, has_image, has_text).norm()
        assert float(norm) == pytest.approx(1.0, abs=1e-5)
    assert torch.equal(made.fuse(image, text, NO, NO), torch.zeros(1, 5))


def test_the_text_residual_adds_the_words_vector_and_touches_no_single_modality():
    image, text = torch.randn(1, 6), torch.randn(1, 6)
    made = network(text_residual=2.0)
    words, alone = made.fuse(image, text, NO, YES), made.fuse(image, text, YES, NO)
    expected = F.normalize(made.fuse(image, text, YES, YES) + 2.0 * words, dim=1)
    assert torch.allclose(made.embed(image, text, YES, YES), expected, atol=1e-6)
    assert torch.allclose(made.embed(image, text, NO, YES), words, atol=1e-6)
    assert torch.allclose(made.embed(image, text, YES, NO), alone, atol=1e-6)
    assert torch.equal(made.embed(image, text, NO, NO), torch.zeros(1, 5))


def test_the_lean_moves_the_stored_vector_alone_and_training_never_sees_it():
    image, text = torch.randn(1, 6), torch.randn(1, 6)
    made = network(text_lean=0.8)
    neutral, leaned = (made.fuse(image, text, YES, YES, lean=lean) for lean in (0.0, 0.8))
    assert torch.equal(made.fuse(image, text, YES, YES), neutral)
    assert torch.allclose(made.embed(image, text, YES, YES), leaned, atol=1e-6)
    assert not torch.allclose(neutral, leaned)


def test_there_is_one_head_per_field_with_a_logit_per_class():
    made = network()
    assert [logits.shape for logits in made.label_logits(torch.randn(4, 5))] == [(4, 3)]


def test_pixels_go_through_the_articles_convolutions():
    config = EmbedderConfig.for_preset("article", image_size=16)
    made = FusionNetwork(config, Shape(0, 20, 0), {})
    pixels = torch.randint(0, 255, (2, 16, 16, 3), dtype=torch.uint8)
    assert made.see(pixels).shape == (2, 64)


@pytest.mark.parametrize("fusion", ["concat_relu", "gated"])
def test_the_match_table_holds_the_logit_of_every_pair(fusion):
    made = network(fusion=fusion, objective="match")
    image, text = torch.randn(3, 6), torch.randn(4, 6)
    table = made.match_table(image, text)
    assert table.shape == (3, 4)
    for row in range(3):
        for column in range(4):
            alone = made.match_logits(image[row][None], text[column][None])
            assert torch.allclose(table[row, column], alone[0], atol=1e-6)


def test_together_is_the_cosine_and_a_little_of_what_the_heads_agree_on():
    made = network()
    seen, read = (F.normalize(torch.randn(n, 5), dim=1) for n in (3, 4))
    table = made.together(seen, read, every=True)
    for row in range(3):
        for column in range(4):
            one, other = (
                made.label_logits(v[None])[0].softmax(1)[0] for v in (seen[row], read[column])
            )
            same = sum(float(a * b) for a, b in zip(one, other, strict=True))
            expected = float(seen[row] @ read[column]) + AGREEMENT * math.log(same + UNLIKELY)
            assert float(table[row, column]) == pytest.approx(expected, abs=1e-5)
    rows = made.together(seen, read[:3], every=False)
    assert torch.allclose(rows, table[:, :3].diagonal(), atol=1e-6)


def test_without_heads_together_is_the_cosine():
    made = FusionNetwork(EmbedderConfig(embedding_size=5), Shape(7, 20, 0), {})
    seen, read = (F.normalize(torch.randn(n, 5), dim=1) for n in (3, 4))
    assert torch.equal(made.together(seen, read, every=True), seen @ read.T)
