import pytest
import torch
from oracles import ngrams

from fastnlp import d2l

WORDS = ["where", "there", "a", "banana"]


def test_where_has_the_subwords_of_the_book():
    assert d2l.get_subwords("where", 3, 3) == ["<wh", "whe", "her", "ere", "re>", "<where>"]


def test_words_are_the_sums_of_their_subwords():
    embed = d2l.SubwordEmbedding(WORDS, 5)
    everything, per_word = ngrams.vocabulary(WORDS, 3, 6)
    assert embed.subwords == everything
    expected = torch.stack([sum(embed.weight[everything.index(g)] for g in parts) for parts in per_word])
    torch.testing.assert_close(embed(torch.arange(4)), expected)
    asked = torch.tensor([[3, 0], [0, 2], [1, 1]])
    torch.testing.assert_close(embed(asked), expected[asked])
    for word, vector in zip(WORDS, expected, strict=True):
        torch.testing.assert_close(embed.vector(word), vector)


def test_gradients_reach_every_subword_as_often_as_it_is_used():
    embed = d2l.SubwordEmbedding(WORDS, 5)
    embed(torch.tensor([0, 1, 1])).sum().backward()
    everything, per_word = ngrams.vocabulary(WORDS, 3, 6)
    uses = [per_word[0].count(g) + 2 * per_word[1].count(g) for g in everything]
    torch.testing.assert_close(
        embed.weight.grad, torch.tensor(uses, dtype=torch.float32)[:, None].expand(-1, 5)
    )


def test_it_takes_the_place_of_the_centers_embedding():
    embed, context = d2l.SubwordEmbedding(WORDS, 5), torch.nn.Embedding(4, 5)
    center, words = torch.tensor([[0], [3]]), torch.tensor([[1, 2], [0, 0]])
    scores = d2l.skip_gram(center, words, embed, context)
    assert scores.shape == (2, 1, 2)
    torch.testing.assert_close(scores[1, 0, 0], embed.vector("banana") @ context.weight[0])


def test_unseen_words_are_made_of_known_subwords():
    embed = d2l.SubwordEmbedding(WORDS, 5, 3, 3)
    known = [embed.subwords.index(g) for g in ("her", "ere", "re>")]
    torch.testing.assert_close(embed.vector("here"), embed.weight[known].sum(0))
    assert not embed.vector("xyz").any()
    with pytest.raises(ValueError, match="at least one character"):
        embed.vector("")


def test_no_words_give_no_vectors():
    embed = d2l.SubwordEmbedding(WORDS, 5)
    assert embed(torch.empty(0, 2, dtype=torch.long)).shape == (0, 2, 5)


def test_it_survives_being_saved():
    first, second = (d2l.SubwordEmbedding(WORDS, 5) for _ in range(2))
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(first(torch.arange(4)), second(torch.arange(4)))
