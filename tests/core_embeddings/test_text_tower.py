import pytest
import torch

from core_embeddings.text_tower import TextBatch, TextTower


def tower(rnn="gru", pooling="mean_max", prior_size=0, bidirectional=True, layers=1):
    torch.manual_seed(0)
    made = TextTower(
        rows=20,
        word_size=5,
        prior_size=prior_size,
        rnn=rnn,
        rnn_size=3,
        layers=layers,
        bidirectional=bidirectional,
        pooling=pooling,
        size=4,
        dropout=0.3,
    )
    return made.eval()


def batch(*texts, priors=None):
    """One id per token."""
    ids = torch.tensor([token for text in texts for token in text], dtype=torch.int64)
    lengths = torch.tensor([len(text) for text in texts])
    return TextBatch(ids, torch.arange(len(ids)), lengths, priors)


@pytest.mark.parametrize("rnn", ["relu", "gru", "lstm"])
@pytest.mark.parametrize("pooling", ["last", "mean_max"])
def test_a_text_has_the_same_vector_whatever_it_is_batched_with(rnn, pooling):
    reader = tower(rnn, pooling)
    alone = reader(batch([3, 4]))
    together = reader(batch([5, 6, 7, 8, 9, 1], [3, 4], []))
    assert torch.allclose(together[1], alone[0], atol=1e-6)


def test_a_text_without_tokens_is_a_zero_row():
    found = tower()(batch([1, 2], [], [3]))
    assert torch.equal(found[1], torch.zeros(4))
    assert float(found[0].abs().sum()) > 0


def test_no_text_at_all_gives_zero_rows():
    assert torch.equal(tower()(batch([], [])), torch.zeros(2, 4))


def test_word_order_matters():
    reader = tower()
    assert not torch.allclose(reader(batch([1, 2, 3])), reader(batch([3, 2, 1])))


def test_an_unseen_word_is_the_mean_of_its_buckets():
    reader = tower()
    opened = TextBatch(torch.tensor([7, 8, 9]), torch.tensor([0, 2]), torch.tensor([2]), None)
    tokens = reader._token_vectors(opened)
    weight = reader.table.weight
    assert torch.allclose(tokens[0], (weight[7] + weight[8]) / 2)
    assert torch.allclose(tokens[1], weight[9])


def test_pretrained_vectors_are_projected_and_added():
    reader = tower(prior_size=2)
    plain = reader._token_vectors(batch([4], priors=torch.zeros(1, 2)))
    moved = reader._token_vectors(batch([4], priors=torch.tensor([[1.0, 2.0]])))
    assert torch.allclose(moved - plain, (reader.project.weight @ torch.tensor([1.0, 2.0]))[None])


def test_relu_rnn_is_the_articles_recurrence():
    reader = tower("relu", "last", bidirectional=False)
    x = reader.table.weight[[2, 6]]
    rnn, h = reader.rnn, torch.zeros(3)
    for step in x:
        seen, kept = rnn.weight_ih_l0 @ step, rnn.weight_hh_l0 @ h
        h = (seen + rnn.bias_ih_l0 + kept + rnn.bias_hh_l0).relu()
    expected = reader.connect(h)
    assert torch.allclose(reader(batch([2, 6]))[0], expected, atol=1e-6)


def test_shortcut_hands_on_the_direction_of_the_mean_vector_whatever_the_order() -> None:
    torch.manual_seed(0)
    settings = {"rows": 9, "word_size": 4, "prior_size": 3, "rnn": "gru", "rnn_size": 4}
    made = TextTower(
        **settings,
        **{"layers": 1, "bidirectional": True, "pooling": "last", "size": 5, "dropout": 0.0},
        shortcut=True,
    )
    assert made.straight is not None
    torch.nn.init.zeros_(made.connect.weight)
    priors = torch.tensor([[1.0, 0, 0], [0, 2.0, 0], [0, 1.0, 0], [0.5, 0, 0]])
    batch = TextBatch(torch.arange(1, 5), torch.arange(4), torch.tensor([2, 0, 2]), priors)
    found = made(batch) - made.connect.bias * torch.tensor([[1.0], [0.0], [1.0]])
    for row, mean in ((0, [1.0, 2.0, 0.0]), (2, [0.5, 1.0, 0.0])):
        direction = torch.tensor(mean) / torch.tensor(mean).norm()
        torch.testing.assert_close(found[row], made.straight(direction))
    assert not found[1].any()


def test_without_pretrained_vectors_there_is_no_shortcut() -> None:
    made = TextTower(
        **{"rows": 9, "word_size": 4, "prior_size": 0, "rnn": "gru", "rnn_size": 4, "layers": 1},
        **{"bidirectional": True, "pooling": "last", "size": 5, "dropout": 0.0, "shortcut": True},
    )
    assert made.straight is None


def test_the_bag_adds_what_each_word_learned_of_its_own_whatever_the_order() -> None:
    made = TextTower(
        **{"rows": 9, "word_size": 4, "prior_size": 0, "rnn": "gru", "rnn_size": 4, "layers": 1},
        **{"bidirectional": True, "pooling": "last", "size": 5, "dropout": 0.0, "bag": True},
    )
    assert made.bag is not None
    assert not made.bag.weight.any()  # it begins silent: the RNN alone decides
    torch.nn.init.normal_(made.bag.weight)
    torch.nn.init.zeros_(made.connect.weight)
    torch.nn.init.zeros_(made.connect.bias)
    ids, words = torch.tensor([1, 2, 3, 2, 1]), torch.arange(5)
    found = made(TextBatch(ids, words, torch.tensor([3, 0, 2]), None))
    own = made.bag.weight
    torch.testing.assert_close(found[0], (own[1] + own[2] + own[3]) / 3**0.5)
    torch.testing.assert_close(found[2], (own[2] + own[1]) / 2**0.5)
    assert not found[1].any()
