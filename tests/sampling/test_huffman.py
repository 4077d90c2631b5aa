import heapq
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastnlp import _core
from fastnlp.sampling import HuffmanTree


def cost(counts):
    """Sum of count * depth of the best tree, by the definition: join the two smallest until one is left."""
    heap = [count for count in counts if count]
    heapq.heapify(heap)
    total = 0
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        total += joined
        heapq.heappush(heap, joined)
    return total


def word2vec_codes(counts):
    """word2vec.c's CreateBinaryTree over falling counts: (code, nodes) of each word."""
    size = len(counts)
    count = [*counts, *[10**15] * size]
    above, turn = [0] * (2 * size), [0] * (2 * size)
    leaf, inner = size - 1, size
    for new in range(size - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and count[leaf] < count[inner]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(inner)
                inner += 1
        count[size + new] = count[pair[0]] + count[pair[1]]
        above[pair[0]] = above[pair[1]] = size + new
        turn[pair[1]] = 1
    found = []
    for word in range(size):
        code, nodes, node = "", [], word
        while node != 2 * size - 2:
            code, node = str(turn[node]) + code, above[node]
            nodes.insert(0, node - size)
        found.append((code, nodes))
    return found


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40))
def test_the_tree_is_the_cheapest_and_its_codes_are_no_prefixes_of_each_other(counts):
    tree = HuffmanTree.from_counts(counts)
    codes = [tree.code(word) for word in range(len(counts))]
    used = [code for code, count in zip(codes, counts, strict=True) if count]
    if len(used) > 1:
        assert sum(2.0 ** -len(code) for code in used) == 1
        assert len(set(used)) == len(used)
        assert not any(b.startswith(a) for a, b in itertools.permutations(used, 2))
    assert all(code == "" for code, count in zip(codes, counts, strict=True) if not count)
    assert sum(len(code) * count for code, count in zip(codes, counts, strict=True)) == cost(counts)


@given(st.lists(st.integers(1, 50), min_size=2, max_size=40))
def test_falling_counts_give_word2vecs_tree(counts):
    counts = sorted(counts, reverse=True)
    tree = HuffmanTree.from_counts(counts)
    for word, (code, nodes) in enumerate(word2vec_codes(counts)):
        assert tree.code(word) == code
        assert tree.nodes(word).tolist() == nodes


@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=20).filter(lambda c: sum(map(bool, c)) > 1),
    st.lists(st.integers(0, 9), max_size=20),
    st.lists(st.integers(0, 9), max_size=20),
)
def test_a_tree_that_grows_keeps_its_nodes_and_takes_all_words(first, second, third):
    old = HuffmanTree.from_counts(first)
    tree = old.grown(second).grown(third)
    counts = [*first, *second, *third]
    codes = [tree.code(word) for word in range(len(counts))]
    used = [code for code, count in zip(codes, counts, strict=True) if count]
    assert sum(2.0 ** -len(code) for code in used) == 1
    assert not any(b.startswith(a) for a, b in itertools.permutations(used, 2))
    for word in range(len(first)):
        kept = len(old.code(word))
        assert tree.code(word).endswith(old.code(word))
        assert tree.nodes(word)[len(tree.code(word)) - kept :].tolist() == old.nodes(word).tolist()
    inner = {int(node) for word in range(len(counts)) for node in tree.nodes(word)}
    assert inner == set(range(len(used) - 1))


def test_a_million_equal_words_and_a_fibonacci_of_counts():
    tree = HuffmanTree.from_counts(np.ones(1 << 20, np.int64))
    assert tree.longest == 20
    counts = [1, 1]
    while len(counts) < 80:
        counts.append(counts[-1] + counts[-2])
    assert HuffmanTree.from_counts(counts).longest == 79


@pytest.mark.parametrize(
    ("counts", "error", "message"),
    [
        ([1, -2], ValueError, r"counts\[1\]: expected a count of 0 or more, got -2"),
        ([], ValueError, "counts: expected at least one word"),
        ([[1]], ValueError, "counts: expected one dimension"),
        ([0.5], TypeError, "counts: expected integers"),
    ],
)
def test_bad_counts_are_refused(counts, error, message):
    with pytest.raises(error, match=message):
        HuffmanTree.from_counts(counts)


@pytest.mark.parametrize(
    ("links", "message"),
    [
        ([0, 1], "links: expected 2V - 1 of them"),
        ([0, 1, 0], r"links\[2\]: expected -1 or a link to an inner node"),
        ([0, 5, -1], r"links\[1\]: expected -1 or a link to an inner node from 0 to 0, got 5"),
        ([-7, 1, -1], r"links\[0\].* got -7"),
    ],
)
def test_links_that_are_no_tree_are_refused(links, message):
    with pytest.raises(ValueError, match=message):
        _core.tree_paths(np.array(links, np.int32), 2)
