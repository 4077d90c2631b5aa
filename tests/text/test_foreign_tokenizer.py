"""Corpora of ids by tokenizers of Hugging Face's packages."""

import pytest

from fastnlp import BPE, Corpus, WordPiece

# With a version, because the folder of this name beside these tests could be imported as well.
tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
pytestmark = pytest.mark.interop

PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "the",
    "quick",
    "fox",
    "##es",
    "é",
    "[",
    "]",
    "mask",
    ".",
]
TEXT = ["The quick foxes. é", "", "[MASK] the", "  quick  ", "the unknown word"]


@pytest.fixture
def wordpiece():
    inner = tokenizers.Tokenizer(
        tokenizers.models.WordPiece({token: i for i, token in enumerate(PIECES)}, unk_token="[UNK]")
    )
    inner.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    inner.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    inner.add_special_tokens(PIECES[:5])
    return inner


def as_lists(corpus):
    return [corpus.sentence(i).tolist() for i in range(corpus.n_sentences)], corpus.document_offsets.tolist()


def test_a_tokenizer_gives_the_ids_of_ours_and_stays_as_it_was(wordpiece):
    wordpiece.enable_truncation(2)
    wordpiece.enable_padding(length=9)
    before = wordpiece.to_str()
    ours = WordPiece(PIECES, strip_accents=False)
    corpus = Corpus.from_text(iter(TEXT), tokenizer=wordpiece)
    assert as_lists(corpus) == as_lists(Corpus.from_text(iter(TEXT), tokenizer=ours))
    assert corpus.vocab.tokens == PIECES
    assert wordpiece.to_str() == before
    mask = PIECES.index("[MASK]")
    assert mask not in corpus.ids  # text is no command


def test_byte_level_ids_are_those_of_ours(tmp_path):
    ours = BPE.train(["the lazy dog and the quick fox é 中文"] * 3, vocab_size=280)
    ours.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    text = ["the quick dog", "", "  fox é中", "\u2028 x"]
    assert as_lists(Corpus.from_text(iter(text), tokenizer=theirs)) == as_lists(
        Corpus.from_text(iter(text), tokenizer=ours)
    )


def test_tokenizers_of_transformers_are_taken(wordpiece, tmp_path):
    transformers = pytest.importorskip("transformers")
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=wordpiece, unk_token="[UNK]", mask_token="[MASK]", model_max_length=4
    )
    right = Corpus.from_text(iter(TEXT), tokenizer=wordpiece)
    assert as_lists(Corpus.from_text(iter(TEXT), tokenizer=fast)) == as_lists(right)


def test_ready_made_tokenizers_are_taken(wordpiece):
    ready = tokenizers.BertWordPieceTokenizer(dict(zip(PIECES, range(len(PIECES)), strict=True)))
    ours = WordPiece(PIECES)
    ready.enable_truncation(2)
    corpus = Corpus.from_text(iter(TEXT), tokenizer=ready)
    assert as_lists(corpus) == as_lists(Corpus.from_text(iter(TEXT), tokenizer=ours))
    assert corpus.vocab.tokens == PIECES
    bytes_of_text = tokenizers.ByteLevelBPETokenizer()
    bytes_of_text.train_from_iterator(TEXT * 3, vocab_size=270, special_tokens=["<s>"], show_progress=False)
    assert Corpus.from_text(iter(TEXT), tokenizer=bytes_of_text).n_documents == 2


def test_a_slow_tokenizer_of_transformers_is_taken():
    transformers = pytest.importorskip("transformers")

    class Characters(transformers.PythonBackend):
        def __init__(self):
            self.letters = ["[UNK]", *"abc"]
            super().__init__(unk_token="[UNK]")

        @property
        def vocab_size(self):
            return len(self.letters)

        def get_vocab(self):
            return {letter: i for i, letter in enumerate(self.letters)}

        def _tokenize(self, text):
            return list(text)

        def _convert_token_to_id(self, token):
            return self.get_vocab().get(token, 0)

        def _convert_id_to_token(self, index):
            return self.letters[index]

    corpus = Corpus.from_text(iter(["abz", "", "c"]), tokenizer=Characters())
    assert as_lists(corpus) == ([[1, 2, 0], [3]], [0, 1, 2])


def test_what_is_no_tokenizer_is_refused():
    with pytest.raises(TypeError, match="tokenizer: expected a BPE, a WordPiece, a tokenizer of"):
        Corpus.from_text(iter(["a"]), tokenizer=object())
    with pytest.raises(TypeError, match="got function"):
        Corpus.from_text(iter(["a"]), tokenizer=as_lists)


def test_a_tokenizer_with_parts_in_python_is_refused_with_its_reason(wordpiece):
    class Cutter:
        def pre_tokenize(self, pretok):
            pass

    wordpiece.pre_tokenizer = tokenizers.pre_tokenizers.PreTokenizer.custom(Cutter())
    with pytest.raises(ValueError, match="tokenizer: expected one that can be copied, got: "):
        Corpus.from_text(iter(["a"]), tokenizer=wordpiece)
