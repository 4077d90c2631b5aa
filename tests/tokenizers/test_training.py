import collections
import gzip
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import bpe as oracle

from fastnlp.tokenizers import pretokenize, train_bpe

BOOK = {"fast": 4, "faster": 3, "tall": 5, "taller": 4}
HOW = {"boundaries": oracle.merge_at_boundaries, "replace": oracle.replace}

# Few different characters make ties, runs of one character and symbols within symbols.
tables = st.one_of(
    st.dictionaries(st.text("ab", min_size=1, max_size=8), st.integers(1, 4), min_size=1, max_size=10),
    st.dictionaries(st.text("abc_é", min_size=1, max_size=6), st.integers(1, 2**40), min_size=1, max_size=12),
)
texts = st.lists(st.text(st.sampled_from("ab c\n'sé中"), min_size=1, max_size=30), min_size=1, max_size=6)


def strings(trained):
    """[(left, right, count)] of a character training."""
    parts = trained.pairs or [(trained.tokens[a], trained.tokens[b]) for a, b in trained.merges.tolist()]
    return [(a.decode(), b.decode(), n) for (a, b), n in zip(parts, trained.counts.tolist(), strict=True)]


def byte_merges(trained):
    return [(*pair, n) for pair, n in zip(trained.merges.tolist(), trained.counts.tolist(), strict=True)]


def pieces(documents, name="gpt2"):
    return collections.Counter(p.encode() for text in documents for p in pretokenize(text, name))


@pytest.mark.parametrize("semantics", list(HOW))
def test_the_books_ten_merges(semantics):
    trained = train_bpe(BOOK, num_merges=10, kind="char", semantics=semantics, end_of_word="_")
    assert strings(trained) == [
        ("t", "a", 9),
        ("ta", "l", 9),
        ("tal", "l", 9),
        ("f", "a", 7),
        ("fa", "s", 7),
        ("fas", "t", 7),
        ("e", "r", 7),
        ("er", "_", 7),
        ("tall", "_", 5),
        ("fast", "_", 4),
    ]
    new = ["ta", "tal", "tall", "fa", "fas", "fast", "er", "er_", "tall_", "fast_"]
    assert [token.decode() for token in trained.tokens] == [*"aeflrst", "_", *new]


@pytest.mark.parametrize("semantics", list(HOW))
@pytest.mark.parametrize("mark", ["", "_", "</w>"])
@settings(max_examples=150)
@given(table=tables, merges=st.integers(1, 40))
def test_character_merges_are_the_books(semantics, mark, table, merges):
    trained = train_bpe(table, num_merges=merges, kind="char", semantics=semantics, end_of_word=mark or None)
    assert strings(trained) == oracle.learn(table, merges, HOW[semantics], mark)


def test_the_books_two_ways_part_where_a_pair_stands_inside_symbols():
    table = {"xa": 10, "xab": 5, "ab": 9}
    found = {how: strings(train_bpe(table, num_merges=9, kind="char", semantics=how)) for how in HOW}
    assert found["boundaries"] == [("x", "a", 15), ("a", "b", 9), ("xa", "b", 5)]
    assert found["replace"] == [("x", "a", 15), ("a", "b", 9)]  # "xa b" became "xab" too


@settings(max_examples=150)
@given(
    documents=texts,
    merges=st.integers(0, 60),
    least=st.integers(0, 3),
    longest=st.one_of(st.none(), st.integers(1, 6)),
    special=st.sampled_from([(), ("<|x|>", "ab"), ("aab", "aa", "中a")]),
    name=st.sampled_from(["gpt2", "gpt4", "llama3", "o200k", "whitespace", "none"]),
)
def test_byte_merges_are_those_of_the_definition(documents, merges, least, longest, special, name):
    trained = train_bpe(
        documents,
        256 + len(special) + merges,
        pretokenizer=name,
        special_tokens=special,
        min_frequency=least,
        max_token_length=longest,
    )
    tokens, found = oracle.learn_bytes(
        pieces(documents, name), merges, [s.encode() for s in special], longest, least
    )
    assert trained.tokens == tokens
    assert byte_merges(trained) == found
    np.testing.assert_array_equal(trained.merged, 256 + len(special) + np.arange(len(found)))
    assert trained.merges.dtype == trained.merged.dtype == np.int32 and trained.counts.dtype == np.int64


@given(text=st.text("ab", min_size=1, max_size=300), merges=st.integers(1, 40))
def test_one_long_word_is_merged_from_the_left(text, merges):
    trained = train_bpe([text], 256 + merges, pretokenizer="none")
    assert byte_merges(trained) == oracle.learn_bytes({text.encode(): 1}, merges)[1]


def test_a_run_of_one_character_halves():
    trained = train_bpe(["a" * (1 << 20)], num_merges=30)
    assert [len(token) for token in trained.tokens[256:]] == [2**k for k in range(1, 21)]
    assert trained.counts.tolist() == [(1 << 20) - 1, *((1 << 20 - k) - 1 for k in range(1, 20))]


def test_rare_pairs_are_found_when_the_frequent_ones_are_merged():
    # Pairs below a floor are left out at first; with every merge asked for, none may be missing.
    rng = np.random.default_rng(1)
    words = {
        "".join(rng.choice(list("abcdef"), rng.integers(2, 9))): int(rng.integers(1, 1000))
        for _ in range(300)
    }
    table = {word.encode(): count for word, count in words.items()}
    trained = train_bpe(words, num_merges=500)
    assert byte_merges(trained) == oracle.learn_bytes(table, 500)[1]
    everything = train_bpe(words, num_merges=10**6)
    assert byte_merges(everything) == oracle.learn_bytes(table, 10**6)[1]
    floored = train_bpe({**words, "zzzz": 10**12}, num_merges=400)
    assert byte_merges(floored) == oracle.learn_bytes({**table, b"zzzz": 10**12}, 400)[1]


def test_counts_have_64_bits():
    trained = train_bpe({"ab": 2**62, "bc": 2**40, "b": 2**63 - 1}, num_merges=2)
    assert trained.counts.tolist() == [2**62, 2**40]


@given(documents=texts, threads=st.integers(2, 4))
def test_threads_do_not_change_the_result(documents, threads):
    one, several = (train_bpe(documents, num_merges=50, threads=t) for t in (1, threads))
    assert one.tokens == several.tokens and byte_merges(one) == byte_merges(several)


def test_a_smaller_vocabulary_is_the_beginning_of_a_larger_one():
    text = ["the cat sat on the mat, the rat ran\n" * 3, "other letters there"]
    small, large = train_bpe(text, 270), train_bpe(text, 300)
    assert large.tokens[:270] == small.tokens


def test_the_alphabet_is_in_the_order_of_gpt2():
    tokens = train_bpe(["x"], 258, special_tokens=["<a>", "<b>"]).tokens
    assert tokens[:5] == [b"<a>", b"<b>", b"!", b'"', b"#"] and tokens[-2:] == [b"\xa0", b"\xad"]
    assert sorted(tokens[2:]) == [bytes([b]) for b in range(256)]


def test_words_of_the_kind_char_come_from_text_by_white_space():
    trained = train_bpe(["low lower\u00a0low\n", "lowest new"], num_merges=5, kind="char", end_of_word="</w>")
    table = {"low": 2, "lower": 1, "lowest": 1, "new": 1}
    assert strings(trained) == oracle.learn(table, 5, mark="</w>")


def test_a_limited_alphabet_keeps_the_frequent_characters():
    trained = train_bpe({"abxab": 3, "ab": 2, "xy": 1}, num_merges=9, kind="char", limit_alphabet=2)
    assert trained.tokens == [b"a", b"b", b"ab"] and trained.counts.tolist() == [8]


def test_what_replacing_joins_besides_is_in_no_list():
    # (a, b) also joins xa and by; the symbol that arises is a part of a later merge and no token.
    table = {"xaby": 9, "xa": 20, "by": 20, "ab": 1, "xabyz": 8}
    trained = train_bpe(table, num_merges=8, kind="char", semantics="replace")
    assert strings(trained) == oracle.learn(table, 8, oracle.replace)
    known = [part in trained.tokens for pair in trained.pairs for part in pair]
    np.testing.assert_array_equal(trained.merges.ravel() >= 0, known)
    assert [trained.tokens[i] for i in trained.merged] == [a + b for a, b in trained.pairs]


def test_gzip_and_lines_give_the_same_as_the_text(tmp_path):
    text = "one two\n  two three\n\n\nthree four\n" * 5
    (tmp_path / "a.txt").write_text(text)
    with gzip.open(tmp_path / "a.gz", "wt") as file:
        file.write(text)
    by_line = [line + "\n" for line in text.split("\n")[:-1]]
    expected = byte_merges(train_bpe(by_line, 280))
    assert byte_merges(train_bpe(tmp_path / "a.txt", 280)) == expected
    assert byte_merges(train_bpe(tmp_path / "a.gz", 280)) == expected
    whole = byte_merges(train_bpe([text], 280))
    assert byte_merges(train_bpe(tmp_path / "a.txt", 280, documents="file")) == whole != expected


def test_progress_counts_then_merges():
    seen = []
    train_bpe(["ab ab ab"], 258, progress=lambda *stage: seen.append(stage))
    assert seen == [("count", 8, None), ("merge", 2, 2)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(source=[]), "source: expected a text, got an empty one"),
        (dict(source=[""]), "source: expected a text, got an empty one"),
        (dict(source={}), "source: expected a text, got an empty one"),
        (dict(vocab_size=255), "vocab_size: expected at least 256, .* got 255"),
        (dict(vocab_size=257, special_tokens=["<a>", "<b>"]), "vocab_size: expected at least 258"),
        (dict(vocab_size=2, kind="char"), "vocab_size: expected at least 3, .* got 2"),
        (dict(vocab_size=None), "vocab_size: expected either"),
        (dict(num_merges=3), "vocab_size: expected either"),
        (dict(vocab_size=2**31), "vocab_size: expected 1 to"),
        (
            dict(special_tokens=["<a>", "<a>"]),
            r"special_tokens\[1\]: expected different tokens, got '<a>' twice",
        ),
        (dict(special_tokens=[""]), r"special_tokens\[0\]: expected at least one character"),
        (dict(special_tokens=["a"]), r"special_tokens\[0\]: .* 'a', which is in the alphabet"),
        (dict(special_tokens=["é"]), r"special_tokens\[0\]: .* how files spell the byte 0xe9"),
        (dict(special_tokens=["<a>", "\ud800"]), r"special_tokens\[1\]: expected Unicode text"),
        (
            dict(special_tokens=["é"], kind="char", source=["é"]),
            "special_tokens: .* no character of the text, got 'é'",
        ),
        (
            dict(special_tokens=["_</w>"], kind="char", end_of_word="_</w>"),
            "end_of_word: .* no special token",
        ),
        (dict(min_frequency=-1), "min_frequency: expected 0 to"),
        (dict(max_token_length=0), "max_token_length: expected 1 to"),
        (dict(kind="word"), "kind: expected 'byte' or 'char', got 'word'"),
        (dict(semantics="x"), "semantics: expected 'boundaries' or 'replace'"),
        (dict(semantics="replace"), "semantics: expected 'boundaries' with kind='byte'"),
        (dict(end_of_word="_"), "end_of_word: expected None with kind='byte'"),
        (dict(end_of_word="", kind="char"), "end_of_word: expected a mark"),
        (dict(end_of_word="a b", kind="char"), "end_of_word: expected a mark"),
        (
            dict(end_of_word="</w>", kind="char", source=["a</w>b"]),
            "end_of_word: .* in no word, got '</w>' in 'a</w>b'",
        ),
        (dict(limit_alphabet=5), "limit_alphabet: expected None with kind='byte'"),
        (dict(limit_alphabet=0, kind="char"), "limit_alphabet: expected at least 1"),
        (dict(pretokenizer="gpt2", kind="char"), "pretokenizer: expected None with kind='char'"),
        (dict(documents="page"), "documents: expected 'line' or 'file', got 'page'"),
        (dict(errors="ignore"), "errors: expected 'strict' or 'keep', got 'ignore'"),
        (dict(errors="keep", kind="char"), "errors: expected 'strict' with kind='char'"),
    ],
)
def test_what_cannot_be_trained_is_refused(arguments, message):
    arguments = {"source": ["ab c"], "vocab_size": 300} | arguments
    with pytest.raises(ValueError, match=message):
        train_bpe(**arguments)


@pytest.mark.parametrize("special", ["<a>", [1], {"<a>": 1}])
def test_special_tokens_are_a_list_of_str(special):
    with pytest.raises(TypeError, match="special_tokens"):
        train_bpe(["a"], 300, special_tokens=special)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    ["rng.integers(97, 123, (1_500_000, 12), np.uint8)", "np.full((1, 1 << 25), 97, np.uint8)"],
    ids=["words", "one"],
)
def test_ctrl_c_stops_counting_and_training(words):
    script = textwrap.dedent(f"""
        import os, signal, sys, threading, time
        import numpy as np
        from fastnlp.tokenizers import train_bpe
        signal.signal(signal.SIGINT, signal.default_int_handler)
        rng = np.random.default_rng(1)
        documents = [bytes(word).decode() for word in {words}]
        def interrupt():
            time.sleep(float(sys.argv[1]))
            interrupt.at = time.monotonic()
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=interrupt, daemon=True).start()
        try:
            train_bpe(documents, 200_000, threads=1)
        except KeyboardInterrupt:
            print(time.monotonic() - interrupt.at)
    """)
    for delay in ("0.3", "0.9"):
        done = subprocess.run(
            [sys.executable, "-c", script, delay], capture_output=True, text=True, check=True
        )
        assert done.stdout and float(done.stdout.split()[-1]) < 1.0  # 0.2 s on a machine that is not shared


def _hugging_face(tokenizers, documents, vocab_size, special, pattern, **options):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    pre = tokenizers.pre_tokenizers
    byte_level = pre.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    tokenizer.pre_tokenizer = (
        byte_level
        if pattern is None
        else pre.Sequence([pre.Split(tokenizers.Regex(pattern), "isolated"), byte_level])
    )
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=special,
        initial_alphabet=pre.ByteLevel.alphabet(),
        show_progress=False,
        **options,
    )
    if isinstance(documents, Path):
        tokenizer.train([str(documents)], trainer)
    else:
        tokenizer.train_from_iterator(documents, trainer)
    prints = [*range(33, 127), *range(161, 173), *range(174, 256)]
    byte_of = {chr(b): b for b in prints}
    byte_of |= {chr(256 + n): b for n, b in enumerate(b for b in range(256) if b not in prints)}
    names = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return [name.encode() if name in special else bytes(byte_of[c] for c in name) for name, _ in names]


@pytest.fixture(scope="module")
def real_texts(tmp_path_factory):
    data = Path(os.environ.get("FASTNLP_DATA", "/nowhere"))
    if not (data / "text").is_dir():
        pytest.skip("text is not in the folder that FASTNLP_DATA names")
    folder = tmp_path_factory.mktemp("texts")
    for name, source in (
        ("english", data / "wikitext-2" / "wiki.test.tokens"),
        ("code", data / "text" / "source_code_mix.txt"),
        ("japanese", data / "text" / "wagahaiwa_nekodearu.txt"),
    ):
        (folder / name).write_bytes(source.read_bytes()[:200_000].decode(errors="ignore").encode())
    with gzip.open(data / "text" / "zhwiki-8MB.txt.gz") as file:
        (folder / "chinese").write_bytes(file.read(100_000).decode(errors="ignore").encode())
    return folder


@pytest.mark.interop
@pytest.mark.parametrize("name", ["english", "code", "japanese", "chinese"])
@pytest.mark.parametrize("pretokenizer", ["gpt2", "gpt4"])
def test_tokens_and_ids_are_those_of_tokenizers(real_texts, name, pretokenizer):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    from fastnlp.tokenizers.pretokenizers import BUILT_IN

    path = real_texts / name
    special = ["<|endoftext|>", "<pad>"]
    pattern = None if pretokenizer == "gpt2" else BUILT_IN["gpt4"]
    for options in ({}, {"min_frequency": 3}, {"max_token_length": 6}):
        theirs = _hugging_face(tokenizers, path, 4000, special, pattern, **options)
        if "max_token_length" in options:  # theirs is the length that no token reaches
            options = {"max_token_length": 5}
        assert (
            train_bpe(path, 4000, pretokenizer=pretokenizer, special_tokens=special, **options).tokens
            == theirs
        )


@pytest.mark.interop
def test_documents_of_an_iterator_are_those_of_tokenizers(real_texts):
    tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
    paragraphs = (real_texts / "english").read_text().split("\n \n")
    theirs = _hugging_face(tokenizers, paragraphs, 3000, [], None)
    assert train_bpe(paragraphs, 3000).tokens == theirs


@pytest.mark.slow
@pytest.mark.parametrize("semantics", list(HOW))
def test_three_hundred_merges_of_the_penn_treebank_are_the_books(semantics):
    from fastnlp import datasets

    if not os.environ.get("FASTNLP_DATA"):
        pytest.skip("FASTNLP_DATA is not set")
    table = collections.Counter(token for line in datasets.ptb() for token in line.split())
    trained = train_bpe(table, num_merges=300, kind="char", semantics=semantics, end_of_word="_")
    assert strings(trained) == oracle.learn(table, 300, HOW[semantics], "_")


@pytest.mark.parametrize(
    "argument", ["vocab_size", "min_frequency", "max_token_length", "limit_alphabet", "threads"]
)
@pytest.mark.parametrize("value", ["270", 270.5])
def test_numbers_of_the_wrong_type_are_named(argument, value):
    arguments = {"vocab_size": 300, argument: value}
    kind = "char" if argument == "limit_alphabet" else "byte"
    with pytest.raises(TypeError, match=f"{argument}: expected an integer, got {value!r}"):
        train_bpe(["a rose is a rose"], kind=kind, **arguments)


def test_numbers_of_numpy_are_taken():
    assert len(train_bpe(["a rose"], np.int64(257), threads=np.int32(1)).tokens) == 257
