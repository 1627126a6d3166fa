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
