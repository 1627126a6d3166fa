import pytest
import torch

from core_embeddings.fusion import ConcatReLU, make_fusion

YES, NO = torch.tensor([True]), torch.tensor([False])


@pytest.fixture(params=["concat_relu", "gated", "split", "weighed", "tokens"])
def fusion(request):
    torch.manual_seed(0)
    return make_fusion(request.param, 4, 6).eval()


def test_a_hidden_part_has_no_influence(fusion):
    image, text = torch.randn(1, 4), torch.randn(1, 4)
    other = torch.randn(1, 4)
    assert torch.equal(fusion(image, text, YES, NO), fusion(image, other, YES, NO))
    assert torch.equal(fusion(image, text, NO, YES), fusion(other, text, NO, YES))


def test_a_present_part_has_influence(fusion):
    image, text = torch.randn(1, 4), torch.randn(1, 4)
    both = fusion(image, text, YES, YES)
    assert not torch.allclose(both, fusion(image, text, YES, NO))
    assert not torch.allclose(both, fusion(image, text, NO, YES))


def test_concat_relu_is_the_articles_formula():
    fusion = ConcatReLU(2, 3)
    image, text = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 4.0]])
    joined = torch.tensor([1.0, -2.0, 0.5, 4.0])
    expected = (fusion.merge.weight @ joined + fusion.merge.bias).clamp(min=0)
    assert torch.allclose(fusion(image, text, YES, YES)[0], expected)


def test_every_pair_of_concat_relu_is_fused_as_if_alone():
    torch.manual_seed(0)
    fusion = ConcatReLU(4, 6)
    image, text = torch.randn(2, 4), torch.randn(3, 4)
    every = fusion.every_pair(image, text)
    for row in range(2):
        for column in range(3):
            alone = fusion(image[row][None], text[column][None], YES, YES)[0]
            assert torch.allclose(every[row, column], alone, atol=1e-6)


def test_a_gate_leans_towards_the_words_and_one_part_alone_never_moves(fusion):
    image, text = torch.randn(1, 4), torch.randn(1, 4)
    for has_image, has_text in ((YES, NO), (NO, YES)):
        plain = fusion(image, text, has_image, has_text)
        assert torch.equal(fusion(image, text, has_image, has_text, 3.0), plain)
    neutral, leaned = (fusion(image, text, YES, YES, lean) for lean in (0.0, 30.0))
    assert torch.allclose(neutral, leaned) != fusion.leans


@pytest.mark.parametrize("name", ["split", "weighed"])
def test_leaned_all_the_way_a_sum_is_its_part_alone(name):
    fusion = make_fusion(name, 4, 6).eval()
    image, text = torch.randn(1, 4), torch.randn(1, 4)
    unit = torch.nn.functional.normalize
    for lean, has_image, has_text in ((60.0, NO, YES), (-60.0, YES, NO)):
        alone = fusion(image, text, has_image, has_text)
        assert torch.allclose(unit(fusion(image, text, YES, YES, lean)), unit(alone), atol=1e-6)


def test_nothing_at_all_gives_tokens_nothing_to_say(fusion):
    image, text = torch.randn(1, 4), torch.randn(1, 4)
    assert bool(torch.isfinite(fusion(image, text, NO, NO)).all())
