import numpy as np
import pytest
import torch
from oracles import softmax as book
from torch import nn

from fastnlp import d2l
from fastnlp.sampling import HuffmanTree

WORDS, DIM = 7, 3


@pytest.fixture
def embeddings():
    return [nn.Embedding(WORDS, DIM, dtype=torch.float64) for _ in range(2)]


def tables(embeddings):
    return [embed.weight.detach().numpy() for embed in embeddings]


def padded(rows):
    """Rows of one length, and where they are real."""
    width = max(map(len, rows))
    filled = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
    return filled, torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])


def test_skip_gram_has_the_probabilities_of_the_book(embeddings):
    found = d2l.skip_gram_log_prob(torch.tensor([[4], [0]]), *embeddings).exp()
    expected = [book.skipgram(c, *tables(embeddings)) for c in (4, 0)]
    torch.testing.assert_close(found.detach().numpy(), np.array(expected))
    torch.testing.assert_close(found.sum(1), torch.ones(2, dtype=torch.float64))


def test_cbow_has_the_probabilities_of_the_book_with_any_number_of_contexts(embeddings):
    rows = [[4, 0, 4, 1], [6], [0, 0]]
    contexts, mask = padded(rows)
    found = d2l.cbow_log_prob(contexts, *embeddings, mask).exp()
    expected = np.array([book.cbow(row, *tables(embeddings)) for row in rows])
    torch.testing.assert_close(found.detach().numpy(), expected)
    alone = d2l.cbow_log_prob(contexts[:1], *embeddings).exp()
    torch.testing.assert_close(alone.detach().numpy(), expected[:1])


@pytest.mark.parametrize("m", [1, 3])
def test_the_gradients_of_a_text_are_the_books(embeddings, m):
    text = [3, 1, 4, 1, 5, 2, 6, 5, 3, 5]
    for model, gradients in (("skipgram", book.skipgram_gradients), ("cbow", book.cbow_gradients)):
        pairs = list(book.windows(text, m))
        if model == "skipgram":
            centers = torch.tensor([[c] for c, contexts in pairs for _ in contexts])
            targets = torch.tensor([o for _, contexts in pairs for o in contexts])
            found = d2l.skip_gram_log_prob(centers, *embeddings)
        else:
            contexts, mask = padded([contexts for _, contexts in pairs])
            targets = torch.tensor(text)
            found = d2l.cbow_log_prob(contexts, *embeddings, mask)
        likelihood = found[torch.arange(len(targets)), targets].sum()
        by = torch.autograd.grad(likelihood, [embed.weight for embed in embeddings])
        for ours, theirs in zip(by, gradients(text, m, *tables(embeddings)), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_cbow_scores_centers_and_negatives_against_the_mean(embeddings):
    rows = [[2, 5, 1], [3]]
    contexts, mask = padded(rows)
    words = torch.tensor([[6, 0], [1, 1]])
    found = d2l.cbow(contexts, words, *embeddings, mask)
    v, u = tables(embeddings)
    expected = [[[u[w] @ book.mean_of(row, v) for w in some]] for row, some in zip(rows, words, strict=True)]
    np.testing.assert_allclose(found.detach().numpy(), expected)
    one = d2l.cbow(torch.tensor([[3]]), words[1:], *embeddings)
    torch.testing.assert_close(one, d2l.skip_gram(torch.tensor([[3]]), words[1:], *embeddings))


def test_cbow_goes_into_the_loss_of_skip_gram(embeddings):
    """A batch of CBOW is one of `batchify` with the roles swapped."""
    words, label = torch.tensor([[6, 0, 2]]), torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    scores = d2l.cbow(torch.tensor([[1, 3]]), words, *embeddings).reshape(label.shape)
    v, u = tables(embeddings)
    h = book.mean_of([1, 3], v)
    expected = -np.log(book.sigmoid(u[6] @ h) * book.sigmoid(-u[0] @ h) * book.sigmoid(-u[2] @ h)) / 3
    assert d2l.SigmoidBCELoss()(scores, label).item() == pytest.approx(expected)


def test_the_path_to_w3_is_the_product_of_the_book():
    u, v = torch.randn(3, 4), torch.randn(4)
    found = d2l.tree_log_prob((u @ v)[None], torch.tensor([[True, False, True]])).exp()
    expected = torch.sigmoid(u[0] @ v) * torch.sigmoid(-u[1] @ v) * torch.sigmoid(u[2] @ v)
    torch.testing.assert_close(found, expected[None])


def test_the_words_of_a_tree_sum_to_one(embeddings):
    tree = HuffmanTree.from_counts([9, 1, 4, 4, 2, 7, 1])
    nodes, mask = padded([tree.nodes(word).tolist() for word in range(WORDS)])
    left, _ = padded([[turn == "0" for turn in tree.code(word)] for word in range(WORDS)])
    center = torch.full((WORDS, 1), 5)
    found = d2l.tree_log_prob(d2l.skip_gram(center, nodes, *embeddings), left.bool(), mask).exp()
    v, u = tables(embeddings)
    paths = [zip(tree.nodes(word), map(int, tree.code(word)), strict=True) for word in range(WORDS)]
    np.testing.assert_allclose(found.detach().numpy(), [book.on_path(path, v[5], u) for path in paths])
    assert found.sum().item() == pytest.approx(1)


def test_scores_of_any_size_have_a_finite_logarithm():
    found = d2l.tree_log_prob(torch.tensor([[1000.0, 1000.0]]), torch.tensor([[True, False]]))
    assert found.tolist() == [-1000.0]
    embed = nn.Embedding.from_pretrained(torch.tensor([[100.0], [-100.0]]))
    assert d2l.skip_gram_log_prob(torch.tensor([[0]]), embed, embed).tolist() == [[0.0, -20_000.0]]


def test_bad_input_is_refused(embeddings):
    contexts = torch.tensor([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="contexts: expected at least one in each row, got none in row 1"):
        d2l.cbow_log_prob(contexts, *embeddings, torch.tensor([[1, 0], [0, 0]]))
    with pytest.raises(ValueError, match="contexts: expected at least one in each row, got none in row 0"):
        d2l.cbow(contexts[:, :0], contexts, *embeddings)
    with pytest.raises(ValueError, match=r"mask: expected the shape of contexts, \(2, 2\), got \(2, 1\)"):
        d2l.cbow(contexts, contexts, *embeddings, torch.ones(2, 1))
    with pytest.raises(ValueError, match=r"left: expected \(2, 3\), as scores, got \(3, 2\)"):
        d2l.tree_log_prob(torch.zeros(2, 1, 3), torch.ones(3, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"mask: expected \(2, 3\), as scores, got \(2, 2\)"):
        d2l.tree_log_prob(torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bool), torch.ones(2, 2))
    with pytest.raises(ValueError, match=r"scores: expected \(B, 1, L\) or \(B, L\), got \(2, 2, 3\)"):
        d2l.tree_log_prob(torch.zeros(2, 2, 3), torch.ones(2, 3, dtype=torch.bool))
