import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles import bert_examples as oracle
from oracles.bert_corpora import FIRST, WORDS, corpus_of, documents
from oracles.strategies import epochs, seeds

from fastnlp import Corpus, WordPiece
from fastnlp.sampling import BertExamples


def rules(**changed):
    ids = dict(pad=1, mask=2, cls=3, sep=4, never={0, 1, 2, 3, 4}, drawable=range(FIRST, FIRST + WORDS))
    return oracle.settings(**ids | changed)


def check(batch, rows, s, multiple=1):
    for name, want in oracle.padded(rows, s, multiple).items():
        got = getattr(batch, name)
        assert (None if got is None else got.tolist()) == want, name


@settings(max_examples=50)
@given(documents, st.data(), seeds, epochs)
def test_batches_of_pairs_are_the_oracle(lists, data, seed, epoch):
    corpus, numbered = corpus_of(lists)
    pairs = data.draw(st.sampled_from(["packed", "adjacent"]))
    rule = data.draw(st.sampled_from(["document", "book"]))
    drop = pairs == "adjacent" and data.draw(st.booleans())
    max_len = data.draw(st.integers(5, 40))
    fraction = data.draw(st.sampled_from([0.15, 0.4, 1.0]))
    batch_size, pool = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 3))
    s = rules(max_len=max_len, pairs=pairs, rule=rule, drop=drop, seed=seed, short=0.3, fraction=fraction)
    rows = [oracle.pair_row(pair, s, epoch) for pair in oracle.make_pairs(numbered, s, epoch)]
    multiple = data.draw(st.sampled_from([1, 8, 64]))
    options = dict(
        max_len=max_len, pairs=pairs, next_sentence_rule=rule, long_pairs="drop" if drop else "truncate",
        short_fraction=0.3, mask_fraction=fraction, seed=seed, pool=pool, pad_multiple=multiple, threads=1,
    )  # fmt: skip
    if not oracle.make_pairs(numbered, s, 0):
        with pytest.raises(ValueError, match="corpus: expected pairs of sentences, got none"):
            BertExamples(corpus, **options)
        return
    examples = BertExamples(corpus, **options)
    assert examples.n_examples(epoch) == len(rows)
    expected = oracle.epoch_batches(rows, batch_size, seed, epoch, pool)
    assert examples.n_batches(epoch, batch_size) == len(expected)
    for index, want in enumerate(expected):
        check(examples.batch(epoch, index, batch_size), want, s, multiple)


def test_special_tokens_may_stand_among_others_as_in_berts_vocabulary():
    tokens = ["[PAD]", "a", "b", "[UNK]", "c", "[CLS]", "[SEP]", "d", "[MASK]", "e"]
    lines = ["a b c d e a b", "zz e d c", "", "b b [SEP] zz a", "e d", "c a"] * 4
    corpus = Corpus.from_text(lines, tokenizer=WordPiece(tokens))
    ends = corpus.sentence_offsets
    sentences = [corpus.ids[a:b].tolist() for a, b in itertools.pairwise(ends)]
    numbered = [sentences[a:b] for a, b in itertools.pairwise(corpus.document_offsets)]
    s = rules(
        pad=0, mask=8, cls=5, sep=6, never={0, 3, 5, 6, 8}, drawable=[1, 2, 4, 7, 9], max_len=16, seed=9
    )
    rows = oracle.full_rows(numbered, s, 0)
    examples = BertExamples(corpus, max_len=16, mode="full", seed=9, threads=1)
    for index, want in enumerate(oracle.epoch_batches(rows, 4, 9, 0, pool=1)):
        check(examples.batch(0, index, 4), want, s)


@settings(max_examples=50)
@given(documents, st.integers(3, 40), seeds, epochs, st.integers(1, 5))
def test_batches_of_running_text_are_the_oracle(lists, max_len, seed, epoch, batch_size):
    corpus, numbered = corpus_of(lists)
    s = rules(max_len=max_len, seed=seed)
    rows = oracle.full_rows(numbered, s, epoch)
    examples = BertExamples(corpus, max_len=max_len, mode="full", seed=seed, threads=1)
    expected = oracle.epoch_batches(rows, batch_size, seed, epoch, pool=1)
    assert examples.n_batches(epoch, batch_size) == len(expected)
    for index, want in enumerate(expected):
        check(examples.batch(epoch, index, batch_size), want, s)


@settings(max_examples=50)
@given(documents, st.sampled_from(["nsp", "full"]), st.integers(5, 40), seeds, st.data())
def test_whole_words_are_the_oracle(lists, mode, max_len, seed, data):
    marks = data.draw(st.sampled_from(["##", "Ġ", "</w>", "given"]))
    plain = data.draw(st.lists(st.booleans(), min_size=WORDS, max_size=WORDS))
    plain[0], plain[1] = True, False  # both kinds are there
    names = [f"w{i}" for i in range(WORDS)]
    if marks == "##":
        names = [name if begins else "##" + name for name, begins in zip(names, plain, strict=True)]
    elif marks == "Ġ":
        names = ["Ġ" + name if begins else name for name, begins in zip(names, plain, strict=True)]
    elif marks == "</w>":
        names = [name + "</w>" if ends else name for name, ends in zip(names, plain, strict=True)]
    corpus, numbered = corpus_of(lists, names)
    marked = {FIRST + i for i, flag in enumerate(plain) if flag}
    if marks == "##":
        marked |= {0, 1, 2, 3, 4}
    ends = marks == "</w>"
    s = rules(max_len=max_len, seed=seed, fraction=0.4, **{"ends": marked} if ends else {})
    s["begins"] = set() if ends else marked
    whole = [False] * FIRST + plain if marks == "given" else True
    if mode == "full":
        rows = oracle.full_rows(numbered, s, 0)
    else:
        rows = [oracle.pair_row(pair, s, 0) for pair in oracle.make_pairs(numbered, s, 0)]
    assume(rows)
    examples = BertExamples(
        corpus, max_len=max_len, mode=mode, seed=seed, mask_fraction=0.4, whole_words=whole, threads=1
    )
    check(examples.rows(0, range(len(rows))), rows, s)
