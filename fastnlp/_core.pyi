"""
The compiled core of fastnlp. Import the public names from fastnlp instead.
"""

from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing
import typing_extensions

__all__: list[str] = [
    "AliasTable",
    "BpeEncoder",
    "BpeTrainer",
    "CooccurrenceCounter",
    "EncodingJob",
    "Glove",
    "IndexedWords",
    "MaskedLm",
    "Paragraphs",
    "PhraseCounter",
    "PhraseJoiner",
    "PieceCounter",
    "RecordSorter",
    "SliceReport",
    "StreamEncoder",
    "TextEncoder",
    "TokenCounter",
    "Word2Vec",
    "WordPieceEncoder",
    "answer_analogies",
    "bpe_to_characters",
    "build_word_index",
    "check_ids",
    "check_offsets",
    "compose_vectors",
    "decode_half",
    "decode_int8",
    "encode_int8",
    "fasttext_hash",
    "fill_glove",
    "fill_uniform",
    "format_binary_rows",
    "format_fasttext_words",
    "format_text_rows",
    "glove_pitch",
    "hashed_ngrams",
    "huffman_links",
    "keep_probabilities",
    "nearest",
    "nearest_by_sketch",
    "nearest_instruction_set",
    "negatives",
    "ngram_vocabulary",
    "padded_batch",
    "parse_binary_rows",
    "parse_fasttext_words",
    "parse_text_rows",
    "permutation",
    "philox",
    "piece_ends",
    "row_norms",
    "shuffled",
    "simd_supported",
    "sketch_rows",
    "spell",
    "subsample",
    "take_words",
    "tree_paths",
    "windows",
    "word_lines",
]

class TokenCounter:
    """
    Splits a text at white space, counts its words and streams provisional ids.
    """
    def __init__(
        self,
        threads: typing.SupportsInt | typing.SupportsIndex,
        salt: typing.SupportsInt | typing.SupportsIndex,
        replace: bool,
    ) -> None: ...
    def add_sentences(self, sentences: list[list[str]]) -> numpy.typing.NDArray[numpy.int32]:
        """
        Takes sentences that are split already.
        """
    def begin_source(self, skip_mark: bool) -> None:
        """
        Starts a file: offsets and lines of messages count from here.
        """
    def end_source(self) -> numpy.typing.NDArray[numpy.int32]:
        """
        Ends the file; gives the rest of its stream.
        """
    def feed(self, block: typing_extensions.Buffer) -> numpy.typing.NDArray[numpy.int32]:
        """
        Takes the next bytes, cut anywhere; gives the stream as far as it is known.
        """
    def merge(self, limit: typing.SupportsInt | typing.SupportsIndex) -> bool:
        """
        Brings the threads' words together, at most `limit` a call; True when done.
        """
    def words(
        self,
    ) -> tuple[
        bytes,
        numpy.typing.NDArray[numpy.int64],
        numpy.typing.NDArray[numpy.int64],
        numpy.typing.NDArray[numpy.int32],
    ]:
        """
        UTF-8 of the distinct words by first appearance, their offsets and counts, and the number of each provisional id (-1: none).
        """

class StreamEncoder:
    """
    Turns provisional ids into a corpus.
    """
    def __init__(
        self,
        final_ids: numpy.typing.NDArray[numpy.int32],
        part_offsets: numpy.typing.NDArray[numpy.int64],
        parts: numpy.typing.NDArray[numpy.int32],
        size: typing.SupportsInt | typing.SupportsIndex,
        documents: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def encode(
        self,
        stream: numpy.typing.NDArray[numpy.int32],
        threads: typing.SupportsInt | typing.SupportsIndex = 1,
        piece: typing.SupportsInt | typing.SupportsIndex = 65536,
    ) -> tuple[
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.int64],
        numpy.typing.NDArray[numpy.int64],
    ]:
        """
        Ids of the next entries, ends of sentences in tokens, ends of documents in sentences.
        """

class Paragraphs:
    """
    The lines of a text that have a full stop between spaces.
    """
    def __getitem__(self, i: typing.SupportsInt | typing.SupportsIndex) -> bytes:
        """
        A paragraph without the ASCII white space around it.
        """
    def __init__(self, text: numpy.typing.NDArray[numpy.uint8]) -> None: ...
    def __len__(self) -> int: ...
    def characters(self) -> numpy.typing.NDArray[numpy.uint32]:
        """
        The characters of the text beyond ASCII, rising.
        """
    def having(self, characters: numpy.typing.NDArray[numpy.uint32]) -> numpy.typing.NDArray[numpy.int64]:
        """
        The paragraphs in which one of these characters stands.
        """
    def replace(self, i: typing.SupportsInt | typing.SupportsIndex, line: bytes) -> None:
        """
        Takes other text for a paragraph.
        """
    def sizes(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        How many bytes `write` makes of each.
        """
    def write(self, order: numpy.typing.NDArray[numpy.int64], out: numpy.typing.NDArray[numpy.uint8]) -> int:
        """
        Paragraphs in some order: ASCII in lower case, a sentence a line, an empty line behind each. Gives how many bytes they are.
        """

class PhraseCounter:
    """
    Counts neighbouring words and finds those that are phrases.
    """
    def __init__(
        self,
        ids: numpy.typing.NDArray[numpy.int32],
        sentence_offsets: numpy.typing.NDArray[numpy.int64],
        vocabulary: typing.SupportsInt | typing.SupportsIndex,
        connectors: numpy.typing.NDArray[numpy.int32],
        apart: numpy.typing.NDArray[numpy.int32],
        scoring: typing.SupportsInt | typing.SupportsIndex,
        min_count: typing.SupportsInt | typing.SupportsIndex,
        threshold: typing.SupportsFloat | typing.SupportsIndex,
        threads: typing.SupportsInt | typing.SupportsIndex,
        memory: typing.SupportsInt | typing.SupportsIndex,
        salt: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def advance(self, seconds: typing.SupportsFloat | typing.SupportsIndex) -> bool:
        """
        Counts for so many seconds; True when done.
        """
    def take(
        self,
    ) -> tuple[
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.int64],
        numpy.typing.NDArray[numpy.int64],
        numpy.typing.NDArray[numpy.float64],
        int,
        int,
    ]:
        """
        First and second words, connector words and their offsets, counts, scores; how many different pairs there are, and how often the ids were read for them.
        """

class PhraseJoiner:
    """
    Puts a token in the place of each phrase of a corpus.
    """
    def __init__(
        self,
        ids: numpy.typing.NDArray[numpy.int32],
        sentence_offsets: numpy.typing.NDArray[numpy.int64],
        document_offsets: numpy.typing.NDArray[numpy.int64],
        vocabulary: typing.SupportsInt | typing.SupportsIndex,
        size: typing.SupportsInt | typing.SupportsIndex,
        connectors: numpy.typing.NDArray[numpy.int32],
        first: numpy.typing.NDArray[numpy.int32],
        second: numpy.typing.NDArray[numpy.int32],
        between: numpy.typing.NDArray[numpy.int32],
        between_offsets: numpy.typing.NDArray[numpy.int64],
        becomes: numpy.typing.NDArray[numpy.int32],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def counts(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        How often each token occurs.
        """
    def join(
        self,
    ) -> tuple[
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.int64],
        numpy.typing.NDArray[numpy.int64],
        bool,
    ]:
        """
        Ids of the next few million tokens, ends of sentences in tokens, ends of documents in sentences, and whether these are the last.
        """
    def number(
        self, final_ids: numpy.typing.NDArray[numpy.int32], kept: typing.SupportsInt | typing.SupportsIndex
    ) -> None:
        """
        Sets the id of each token, -1 to drop it.
        """
    def places(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        Where each token occurs first; -1 for none.
        """
    def tally(self, seconds: typing.SupportsFloat | typing.SupportsIndex) -> bool:
        """
        Counts the tokens for so many seconds; True when done.
        """

class PieceCounter:
    """
    Counts the pieces that a pre-tokenizer cuts texts into.
    """
    def __init__(
        self,
        pretokenizer: str,
        by_line: bool,
        strict: bool,
        threads: typing.SupportsInt | typing.SupportsIndex,
        salt: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def add_documents(self, data: bytes, offsets: numpy.typing.NDArray[numpy.int64]) -> None:
        """
        Whole documents, one behind the other.
        """
    def add_pieces(
        self,
        data: bytes,
        offsets: numpy.typing.NDArray[numpy.int64],
        counts: numpy.typing.NDArray[numpy.int64],
    ) -> None:
        """
        Pieces that are cut already.
        """
    def end_source(self) -> None: ...
    def feed(self, block: typing_extensions.Buffer) -> None:
        """
        The next bytes of a source.
        """
    def merge(self, limit: typing.SupportsInt | typing.SupportsIndex) -> bool:
        """
        Brings the threads' tables together. True when done.
        """
    def pieces(self) -> tuple[bytes, numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64]]:
        """
        Bytes, (N + 1,) int64 offsets into them and (N,) int64 counts, by first appearance.
        """

class BpeTrainer:
    """
    Learns a byte-pair encoding from counted pieces, in short steps.
    """
    def __init__(
        self,
        counter: PieceCounter,
        *,
        kind: str,
        semantics: str,
        special_tokens: collections.abc.Sequence[str],
        end_of_word: str,
        vocab_size: typing.SupportsInt | typing.SupportsIndex,
        merges: typing.SupportsInt | typing.SupportsIndex,
        min_frequency: typing.SupportsInt | typing.SupportsIndex,
        max_token_length: typing.SupportsInt | typing.SupportsIndex,
        limit_alphabet: typing.SupportsInt | typing.SupportsIndex,
    ) -> None:
        """
        Takes the pieces out of the counter, which is done with then.
        """
    def first_tokens(self) -> list[bytes]:
        """
        Special tokens and the alphabet, by id.
        """
    def merges(self) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int64]]:
        """
        (M, 3) int32 left, right and merged ids; (M,) int64 counts.
        """
    def replaced_strings(self) -> list[bytes] | None:
        """
        What the ids of training with semantics='replace' stand for; None otherwise.
        """
    def run(self, seconds: typing.SupportsFloat | typing.SupportsIndex) -> bool:
        """
        Goes on for about so long. True when all is done.
        """
    @property
    def merges_done(self) -> int: ...

class TextEncoder:
    """
    What turns text into ids.
    """

class BpeEncoder(TextEncoder):
    """
    Tokens and merges, ready to encode and decode.
    """
    def __init__(
        self,
        data: bytes,
        offsets: numpy.typing.NDArray[numpy.int64],
        merges: numpy.typing.NDArray[numpy.int32],
        merged: numpy.typing.NDArray[numpy.int32],
        pretokenizer: str,
        special_tokens: collections.abc.Sequence[
            tuple[str, typing.SupportsInt | typing.SupportsIndex, bool, bool]
        ],
        missing: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        characters: bool,
        end_of_word: str,
        mark_is_symbol: bool,
        unknown: typing.SupportsInt | typing.SupportsIndex,
        byte_fallback: bool,
        fuse_unknown: bool,
        whole_words: bool,
        shared_ranks: bool,
    ) -> None: ...
    def decode(self, ids: numpy.typing.NDArray[numpy.int32]) -> bytes:
        """
        The bytes of ids.
        """

class WordPieceEncoder(TextEncoder):
    """
    Word pieces, ready to encode.
    """
    def __init__(
        self,
        data: bytes,
        offsets: numpy.typing.NDArray[numpy.int64],
        special_tokens: collections.abc.Sequence[tuple[str, typing.SupportsInt | typing.SupportsIndex]],
        lowercase: bool,
        strip_accents: bool,
        unknown: typing.SupportsInt | typing.SupportsIndex,
        prefix: str,
        longest_word: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...

class EncodingJob:
    """
    The encoding of texts, step by step.
    """
    @staticmethod
    def of_bytes(
        encoder: TextEncoder,
        data: bytes,
        offsets: numpy.typing.NDArray[numpy.int64],
        threads: typing.SupportsInt | typing.SupportsIndex,
        mode: str,
        dropout: typing.SupportsFloat | typing.SupportsIndex,
        seed: typing.SupportsInt | typing.SupportsIndex,
        epoch: typing.SupportsInt | typing.SupportsIndex,
        spans: bool,
        specials: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    ) -> EncodingJob:
        """
        The same for texts that stand one after another, with offsets (N + 1, int64).
        """
    def __init__(
        self,
        encoder: TextEncoder,
        texts: list[typing.Any],
        threads: typing.SupportsInt | typing.SupportsIndex,
        mode: str,
        dropout: typing.SupportsFloat | typing.SupportsIndex,
        seed: typing.SupportsInt | typing.SupportsIndex,
        epoch: typing.SupportsInt | typing.SupportsIndex,
        spans: bool,
        specials: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
    ) -> None: ...
    def step(self, seconds: typing.SupportsFloat | typing.SupportsIndex) -> bool:
        """
        Works for about so long; True when all is done. What a signal raises in the middle of a long word ends the job.
        """
    def take(
        self,
    ) -> tuple[
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.int64],
        numpy.typing.NDArray[numpy.int64],
    ]:
        """
        All ids, offsets of the texts in them, and, if asked for, begin and end of each id in bytes.
        """

class AliasTable:
    def __init__(self, weights: numpy.typing.NDArray[numpy.float64]) -> None: ...
    def __len__(self) -> int: ...
    def draw(
        self,
        n: typing.SupportsInt | typing.SupportsIndex,
        seed: typing.SupportsInt | typing.SupportsIndex,
        position: typing.SupportsInt | typing.SupportsIndex,
        epoch: typing.SupportsInt | typing.SupportsIndex,
    ) -> numpy.typing.NDArray[numpy.int32]: ...
    def probabilities(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def aliases(self) -> numpy.typing.NDArray[numpy.int32]: ...
    @property
    def support(self) -> int: ...
    @property
    def thresholds(self) -> numpy.typing.NDArray[numpy.uint32]: ...

class MaskedLm:
    def __init__(
        self,
        ids: numpy.typing.NDArray[numpy.int32],
        sentence_offsets: numpy.typing.NDArray[numpy.int64],
        document_offsets: numpy.typing.NDArray[numpy.int64],
        flags: numpy.typing.NDArray[numpy.uint8],
        drawable: numpy.typing.NDArray[numpy.int32],
        max_len: typing.SupportsInt | typing.SupportsIndex,
        special: typing.Annotated[
            collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"
        ],
        *,
        full: bool,
        packed: bool,
        other_document: bool,
        drop_long: bool,
        short_fraction: typing.SupportsFloat | typing.SupportsIndex,
        random_fraction: typing.SupportsFloat | typing.SupportsIndex,
        mask_fraction: typing.SupportsFloat | typing.SupportsIndex,
        most: typing.SupportsInt | typing.SupportsIndex,
        hidden: typing.SupportsFloat | typing.SupportsIndex,
        replaced: typing.SupportsFloat | typing.SupportsIndex,
        whole_words: bool,
        seed: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def count(
        self,
        epoch: typing.SupportsInt | typing.SupportsIndex,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> int: ...
    def fill(
        self,
        pairs: numpy.typing.NDArray[numpy.int64] | None,
        numbers: numpy.typing.NDArray[numpy.int64],
        epoch: typing.SupportsInt | typing.SupportsIndex,
        multiple: typing.SupportsInt | typing.SupportsIndex,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[
        numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        typing.Any,
    ]: ...
    def fill_unpadded(
        self,
        pairs: numpy.typing.NDArray[numpy.int64] | None,
        numbers: numpy.typing.NDArray[numpy.int64],
        epoch: typing.SupportsInt | typing.SupportsIndex,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[
        numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
        typing.Any,
    ]: ...
    def lengths(
        self, pairs: numpy.typing.NDArray[numpy.int64], numbers: numpy.typing.NDArray[numpy.int64]
    ) -> numpy.typing.NDArray[numpy.int32]: ...
    def write(
        self,
        epoch: typing.SupportsInt | typing.SupportsIndex,
        pairs: numpy.typing.NDArray[numpy.int64],
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...

class CooccurrenceCounter:
    """
    Counts co-occurrences out of core; see csrc/sampling/cooccurrence.h.
    """
    def __init__(
        self,
        ids: numpy.typing.NDArray[numpy.int32],
        bounds: numpy.typing.NDArray[numpy.int64],
        vocabulary: typing.SupportsInt | typing.SupportsIndex,
        left_out: numpy.typing.NDArray[numpy.int32],
        *,
        paths: typing.Annotated[collections.abc.Sequence[str], "FixedSize(3)"],
        header: typing.SupportsInt | typing.SupportsIndex,
        temporary: str,
        window: typing.SupportsInt | typing.SupportsIndex,
        symmetric: bool,
        by_distance: bool,
        memory: typing.SupportsInt | typing.SupportsIndex,
        threads: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def step(self, seconds: typing.SupportsFloat | typing.SupportsIndex) -> float: ...
    @property
    def chunks(self) -> int: ...
    @property
    def entries(self) -> int: ...

class RecordSorter:
    """
    Sorts co-occurrence records out of core; see csrc/sampling/record_sorter.h.
    """
    def __init__(
        self,
        vocabulary: typing.SupportsInt | typing.SupportsIndex,
        *,
        memory: typing.SupportsInt | typing.SupportsIndex,
        paths: typing.Annotated[collections.abc.Sequence[str], "FixedSize(3)"],
        header: typing.SupportsInt | typing.SupportsIndex,
        temporary: str,
    ) -> None: ...
    def add(
        self,
        rows: numpy.typing.NDArray[numpy.int32],
        columns: numpy.typing.NDArray[numpy.int32],
        values: numpy.typing.NDArray[numpy.float64],
    ) -> None: ...
    def finish(self, seconds: typing.SupportsFloat | typing.SupportsIndex) -> bool: ...
    @property
    def entries(self) -> int: ...

class SliceReport:
    """
    What one slice of training did.
    """
    @property
    def kept(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def loss_pairs(self) -> int: ...
    @property
    def next_unit(self) -> int: ...
    @property
    def pairs(self) -> int: ...

class Word2Vec:
    """
    word2vec on the CPU; see csrc/training/word2vec.h.
    """
    def __init__(
        self,
        ids: numpy.typing.NDArray[numpy.int32],
        sentence_offsets: numpy.typing.NDArray[numpy.int64],
        keep: numpy.typing.NDArray[numpy.float64],
        noise: numpy.typing.NDArray[numpy.float64] | None = None,
        path: numpy.typing.NDArray[numpy.int32] | None = None,
        path_offsets: numpy.typing.NDArray[numpy.int64] | None = None,
        parts: numpy.typing.NDArray[numpy.int32] | None = None,
        part_offsets: numpy.typing.NDArray[numpy.int64] | None = None,
        *,
        input_rows: typing.SupportsInt | typing.SupportsIndex = 0,
        mean: bool = True,
        dim: typing.SupportsInt | typing.SupportsIndex,
        window: typing.SupportsInt | typing.SupportsIndex,
        shrink: bool,
        negatives: typing.SupportsInt | typing.SupportsIndex,
        architecture: str = "skipgram",
        shared_by: str = "center",
        cbow_contexts: str = "mean",
        deterministic: bool = False,
        seed: typing.SupportsInt | typing.SupportsIndex,
        lr: typing.SupportsFloat | typing.SupportsIndex,
        min_lr: typing.SupportsFloat | typing.SupportsIndex,
        epochs: typing.SupportsInt | typing.SupportsIndex,
        simd: str = "",
    ) -> None: ...
    def lr_at(
        self,
        epoch: typing.SupportsInt | typing.SupportsIndex,
        unit: typing.SupportsInt | typing.SupportsIndex,
    ) -> float: ...
    def train(
        self,
        input: numpy.typing.NDArray[numpy.float32],
        output: numpy.typing.NDArray[numpy.float32],
        epoch: typing.SupportsInt | typing.SupportsIndex,
        unit: typing.SupportsInt | typing.SupportsIndex,
        threads: typing.SupportsInt | typing.SupportsIndex,
        seconds: typing.SupportsFloat | typing.SupportsIndex,
        stop: typing.SupportsInt | typing.SupportsIndex | None = None,
    ) -> SliceReport: ...
    @property
    def piece_size(self) -> int: ...
    @property
    def set_size(self) -> int:
        """
        How many centers share negatives.
        """
    @property
    def set_step(self) -> int:
        """
        How far apart those centers stand.
        """
    @property
    def shared_by(self) -> str:
        """
        Who shares negatives: what was asked for, but 'center' where several are too many for the vocabulary.
        """
    @property
    def unit_size(self) -> int: ...
    @property
    def units(self) -> int: ...

class Glove:
    """
    GloVe on the CPU; see csrc/training/glove.h.
    """
    def __init__(
        self,
        paths: typing.Annotated[collections.abc.Sequence[str], "FixedSize(3)"],
        header: typing.SupportsInt | typing.SupportsIndex,
        vocabulary: typing.SupportsInt | typing.SupportsIndex,
        *,
        dim: typing.SupportsInt | typing.SupportsIndex,
        symmetric: bool,
        x_max: typing.SupportsFloat | typing.SupportsIndex,
        alpha: typing.SupportsFloat | typing.SupportsIndex,
        lr: typing.SupportsFloat | typing.SupportsIndex,
        clip: typing.SupportsFloat | typing.SupportsIndex,
        seed: typing.SupportsInt | typing.SupportsIndex,
        memory: typing.SupportsInt | typing.SupportsIndex,
        temporary: str,
        simd: str = "",
    ) -> None: ...
    def prepare(self, seconds: typing.SupportsFloat | typing.SupportsIndex) -> float: ...
    def read(
        self,
        epoch: typing.SupportsInt | typing.SupportsIndex,
        unit: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.int32],
        numpy.typing.NDArray[numpy.float32],
    ]:
        """
        A unit: of its runs in the order of training the row, the first entry and how many there are; of its entries the columns and counts.
        """
    def train(
        self,
        table: numpy.typing.NDArray[numpy.float32],
        epoch: typing.SupportsInt | typing.SupportsIndex,
        unit: typing.SupportsInt | typing.SupportsIndex,
        threads: typing.SupportsInt | typing.SupportsIndex,
        seconds: typing.SupportsFloat | typing.SupportsIndex,
        stop: typing.SupportsInt | typing.SupportsIndex | None = None,
    ) -> SliceReport: ...
    @property
    def records(self) -> int: ...
    @property
    def units(self) -> int: ...

class IndexedWords:
    """
    Words and their hash table in arrays, checked as they are used.
    """
    def __init__(
        self,
        data: numpy.typing.NDArray[numpy.uint8],
        offsets: numpy.typing.NDArray[numpy.int64],
        slots: numpy.typing.NDArray[numpy.uint64],
        salt: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def __len__(self) -> int: ...
    def find(self, word: str) -> int:
        """
        The row of a word, or -1.
        """
    def words(
        self,
        first: typing.SupportsInt | typing.SupportsIndex,
        count: typing.SupportsInt | typing.SupportsIndex,
    ) -> list[str]:
        """
        The words of rows [first, first + count).
        """

def answer_analogies(
    vectors: numpy.typing.NDArray[numpy.float32]
    | numpy.typing.NDArray[numpy.uint16]
    | numpy.typing.NDArray[numpy.int8],
    scales: numpy.typing.NDArray[numpy.float32] | None,
    inverse_norms: numpy.typing.NDArray[numpy.float32],
    words: numpy.typing.NDArray[numpy.float32],
    word_rows: numpy.typing.NDArray[numpy.int32],
    asked: numpy.typing.NDArray[numpy.int32],
    by_products: bool,
    k: typing.SupportsInt | typing.SupportsIndex,
    threads: typing.SupportsInt | typing.SupportsIndex,
    first_row: typing.SupportsInt | typing.SupportsIndex = 0,
    found: tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float32]] | None = None,
) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float32]]:
    """
    The k rows that answer each analogy best: indices (N, k) and scores (N, k), by blocks as in `nearest`.
    """

def bpe_to_characters(text: typing.Any, spans: numpy.typing.NDArray[numpy.int64]) -> None:
    """
    Turns spans in bytes into spans in characters, in place.
    """

def build_word_index(
    data: numpy.typing.NDArray[numpy.uint8], offsets: numpy.typing.NDArray[numpy.int64]
) -> tuple[int, numpy.typing.NDArray[numpy.uint64]]:
    """
    Salt and slots of a hash table over different words.
    """

def check_ids(
    argument: str, ids: numpy.typing.NDArray[numpy.int32], size: typing.SupportsInt | typing.SupportsIndex
) -> None:
    """
    Refuses ids outside [0, size) with the first place.
    """

def check_offsets(
    argument: str,
    offsets: numpy.typing.NDArray[numpy.int64],
    total: typing.SupportsInt | typing.SupportsIndex,
) -> None:
    """
    Refuses offsets that do not start at 0, fall, or do not end at `total`.
    """

def compose_vectors(
    data: bytes,
    offsets: numpy.typing.NDArray[numpy.int64],
    rows: numpy.typing.NDArray[numpy.int64],
    words: numpy.typing.NDArray[numpy.uint8],
    ngrams: numpy.typing.NDArray[numpy.uint8],
    row_bucket: numpy.typing.NDArray[numpy.int32],
    buckets: typing.SupportsInt | typing.SupportsIndex,
    min_n: typing.SupportsInt | typing.SupportsIndex,
    max_n: typing.SupportsInt | typing.SupportsIndex,
    mean: bool,
    out: numpy.typing.NDArray[numpy.float32],
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> None:
    """
    Means or sums of the rows of words (-1 for none of their own) and of their n-grams.
    """

def decode_half(
    values: numpy.typing.NDArray[numpy.uint16],
    out: numpy.typing.NDArray[numpy.float32],
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> None:
    """
    IEEE binary16, given as uint16, to float32.
    """

def decode_int8(
    values: numpy.typing.NDArray[numpy.int8],
    scales: numpy.typing.NDArray[numpy.float32],
    out: numpy.typing.NDArray[numpy.float32],
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> None:
    """
    Whole numbers times the scale of their row.
    """

def encode_int8(
    rows: numpy.typing.NDArray[numpy.float32], first_row: typing.SupportsInt | typing.SupportsIndex
) -> tuple[numpy.typing.NDArray[numpy.int8], numpy.typing.NDArray[numpy.float32]]:
    """
    (N, D) whole numbers in [-127, 127] and (N,) scales whose products are nearest to rows.
    """

def fasttext_hash(text: bytes) -> int:
    """
    FNV-1a over signed bytes, 32 bits.
    """

def fill_glove(
    table: numpy.typing.NDArray[numpy.float32],
    dim: typing.SupportsInt | typing.SupportsIndex,
    seed: typing.SupportsInt | typing.SupportsIndex,
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> None:
    """
    Writes the parameters that training begins with.
    """

def fill_uniform(
    table: numpy.typing.NDArray[numpy.float32],
    dim: typing.SupportsInt | typing.SupportsIndex,
    bound: typing.SupportsFloat | typing.SupportsIndex,
    seed: typing.SupportsInt | typing.SupportsIndex,
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> None:
    """
    Fills the first dim columns with numbers uniform in [-bound, bound), keyed by the row, the rest with zeros.
    """

def format_binary_rows(
    tokens: list[str],
    vectors: numpy.typing.NDArray[numpy.float32],
    first_row: typing.SupportsInt | typing.SupportsIndex,
) -> bytes:
    """
    Rows as word2vec binary; first_row is what refusals call the first one.
    """

def format_fasttext_words(
    data: bytes, offsets: numpy.typing.NDArray[numpy.int64], counts: numpy.typing.NDArray[numpy.int64]
) -> bytes:
    """
    Words and counts as they stand in a fastText model.
    """

def format_text_rows(
    tokens: list[str],
    vectors: numpy.typing.NDArray[numpy.float32],
    first_row: typing.SupportsInt | typing.SupportsIndex,
) -> bytes:
    """
    Rows as word2vec text; first_row is what refusals call the first one.
    """

def glove_pitch(dim: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    Floats of a row of GloVe's table, for vectors of D.
    """

def hashed_ngrams(
    data: bytes,
    offsets: numpy.typing.NDArray[numpy.int64],
    min_n: typing.SupportsInt | typing.SupportsIndex,
    max_n: typing.SupportsInt | typing.SupportsIndex,
    buckets: typing.SupportsInt | typing.SupportsIndex,
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int64]]:
    """
    Buckets of each word's n-grams: ids and (V + 1,) offsets.
    """

def huffman_links(counts: numpy.typing.NDArray[numpy.int64]) -> numpy.typing.NDArray[numpy.int32]:
    """
    The Huffman tree of V words as 2V - 1 links; see csrc/sampling/huffman.h.
    """

def keep_probabilities(
    counts: numpy.typing.NDArray[numpy.int64], t: typing.SupportsFloat | typing.SupportsIndex, rule: str
) -> numpy.typing.NDArray[numpy.float64]: ...
def nearest(
    vectors: numpy.typing.NDArray[numpy.float32]
    | numpy.typing.NDArray[numpy.uint16]
    | numpy.typing.NDArray[numpy.int8],
    scales: numpy.typing.NDArray[numpy.float32] | None,
    inverse_norms: numpy.typing.NDArray[numpy.float32],
    queries: numpy.typing.NDArray[numpy.float32],
    k: typing.SupportsInt | typing.SupportsIndex,
    exclude: numpy.typing.NDArray[numpy.int32],
    threads: typing.SupportsInt | typing.SupportsIndex,
    first_row: typing.SupportsInt | typing.SupportsIndex = 0,
    found: tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float32]] | None = None,
) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float32]]:
    """
    The k rows of highest cosine with each query: indices (B, k) and scores (B, k). Of a table given in blocks, each call gets the number of its first row and what the blocks before gave.
    """

def nearest_by_sketch(
    vectors: numpy.typing.NDArray[numpy.float32]
    | numpy.typing.NDArray[numpy.uint16]
    | numpy.typing.NDArray[numpy.int8],
    scales: numpy.typing.NDArray[numpy.float32] | None,
    inverse_norms: numpy.typing.NDArray[numpy.float32],
    codes: numpy.typing.NDArray[numpy.int8],
    code_scales: numpy.typing.NDArray[numpy.float32],
    errors: numpy.typing.NDArray[numpy.float32],
    queries: numpy.typing.NDArray[numpy.float32],
    k: typing.SupportsInt | typing.SupportsIndex,
    exclude: numpy.typing.NDArray[numpy.int32],
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float32]]:
    """
    What `nearest` gives for a query or a few, from a sketch of the rows and the few rows that it leaves.
    """

def nearest_instruction_set() -> str:
    """
    The instruction set that `nearest` runs on.
    """

def negatives(
    contexts: numpy.typing.NDArray[numpy.int32],
    context_offsets: numpy.typing.NDArray[numpy.int64],
    positions: numpy.typing.NDArray[numpy.int64],
    exclude_centers: numpy.typing.NDArray[numpy.int32] | None,
    table: AliasTable,
    k: typing.SupportsInt | typing.SupportsIndex,
    seed: typing.SupportsInt | typing.SupportsIndex,
    epoch: typing.SupportsInt | typing.SupportsIndex,
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int32]: ...
def ngram_vocabulary(
    data: bytes,
    offsets: numpy.typing.NDArray[numpy.int64],
    min_n: typing.SupportsInt | typing.SupportsIndex,
    max_n: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[
    bytes,
    numpy.typing.NDArray[numpy.int64],
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.int64],
]:
    """
    All different n-grams (UTF-8 and offsets), and each word's n-grams (ids and offsets).
    """

def padded_batch(
    centers: numpy.typing.NDArray[numpy.int32],
    contexts: numpy.typing.NDArray[numpy.int32],
    context_offsets: numpy.typing.NDArray[numpy.int64],
    negatives: numpy.typing.NDArray[numpy.int32],
    negative_offsets: numpy.typing.NDArray[numpy.int64] | None,
    rows: numpy.typing.NDArray[numpy.int64],
    dtype: str,
    mask_dtype: str,
) -> tuple[
    numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
    numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
    numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
    numpy.ndarray[typing.Any, numpy.dtype[typing.Any]],
]: ...
def parse_binary_rows(
    block: bytes,
    last: bool,
    dim: typing.SupportsInt | typing.SupportsIndex,
    out: numpy.typing.NDArray[numpy.float32],
    first_byte: typing.SupportsInt | typing.SupportsIndex,
    errors: str,
) -> tuple[int, list[str]]:
    """
    Bytes consumed and tokens of the whole rows of word2vec binary at the start of a block.
    """

def parse_fasttext_words(
    bytes: numpy.typing.NDArray[numpy.uint8],
    entries: typing.SupportsInt | typing.SupportsIndex,
    place: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[bytes, numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], int, int]:
    """
    Words of a fastText model: their bytes, offsets and counts, the number of labels, bytes read.
    """

def parse_text_rows(
    block: bytes,
    last: bool,
    dim: typing.SupportsInt | typing.SupportsIndex,
    out: numpy.typing.NDArray[numpy.float32],
    first_line: typing.SupportsInt | typing.SupportsIndex,
    errors: str,
) -> tuple[int, list[str]]:
    """
    Bytes consumed and tokens of the whole rows of word2vec text at the start of a block.
    """

def permutation(
    n: typing.SupportsInt | typing.SupportsIndex,
    seed: typing.SupportsInt | typing.SupportsIndex,
    epoch: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int64]: ...
def philox(
    seed: typing.SupportsInt | typing.SupportsIndex,
    stream: typing.SupportsInt | typing.SupportsIndex,
    epoch: typing.SupportsInt | typing.SupportsIndex,
    position: typing.SupportsInt | typing.SupportsIndex,
    block: typing.SupportsInt | typing.SupportsIndex,
) -> typing.Annotated[list[int], "FixedSize(4)"]:
    """
    Four 32-bit words of a Philox4x32-10 stream; see csrc/support/philox.h for the counter layout.
    """

def piece_ends(pretokenizer: str, text: bytes) -> numpy.typing.NDArray[numpy.int64]:
    """
    Where the pieces of a document end, in bytes: (N,) int64.
    """

def row_norms(
    vectors: numpy.typing.NDArray[numpy.float32]
    | numpy.typing.NDArray[numpy.uint16]
    | numpy.typing.NDArray[numpy.int8],
    scales: numpy.typing.NDArray[numpy.float32] | None,
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float32]:
    """
    Euclidean length of each row.
    """

def shuffled(
    n: typing.SupportsInt | typing.SupportsIndex,
    begin: typing.SupportsInt | typing.SupportsIndex,
    end: typing.SupportsInt | typing.SupportsIndex,
    seed: typing.SupportsInt | typing.SupportsIndex,
    epoch: typing.SupportsInt | typing.SupportsIndex,
    number: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.int64]:
    """
    Places [begin, end) of a random order of 0..n-1; see csrc/sampling/shuffled.h.
    """

def simd_supported() -> list[str]:
    """
    The instruction sets that the kernels of this machine can use, the fastest first.
    """

def sketch_rows(
    vectors: numpy.typing.NDArray[numpy.float32]
    | numpy.typing.NDArray[numpy.uint16]
    | numpy.typing.NDArray[numpy.int8],
    scales: numpy.typing.NDArray[numpy.float32] | None,
    inverse_norms: numpy.typing.NDArray[numpy.float32],
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[
    numpy.typing.NDArray[numpy.int8], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]
]:
    """
    Rows as whole numbers of 8 bits, for nearest_by_sketch: codes (none for rows of int8), scales and errors.
    """

def spell(
    ids: numpy.typing.NDArray[numpy.int32],
    sentence_offsets: numpy.typing.NDArray[numpy.int64],
    document_offsets: numpy.typing.NDArray[numpy.int64],
    begin: typing.SupportsInt | typing.SupportsIndex,
    end: typing.SupportsInt | typing.SupportsIndex,
    words: bytes,
    word_offsets: numpy.typing.NDArray[numpy.int64],
) -> bytes:
    """
    UTF-8 of the tokens in [begin, end): a sentence a line, an empty line between documents.
    """

def subsample(
    ids: numpy.typing.NDArray[numpy.int32],
    sentence_offsets: numpy.typing.NDArray[numpy.int64],
    keep: numpy.typing.NDArray[numpy.float64],
    seed: typing.SupportsInt | typing.SupportsIndex,
    epoch: typing.SupportsInt | typing.SupportsIndex,
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[
    numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64]
]: ...
def take_words(
    data: bytes, offsets: numpy.typing.NDArray[numpy.int64], places: numpy.typing.NDArray[numpy.int64]
) -> tuple[bytes, numpy.typing.NDArray[numpy.int64]]:
    """
    Bytes and offsets of the words at some places.
    """

def tree_paths(
    links: numpy.typing.NDArray[numpy.int32], vocabulary: typing.SupportsInt | typing.SupportsIndex
) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int64]]:
    """
    The way from the root to each word, 2 * node + code a step, and the (V + 1,) offsets of the words.
    """

def windows(
    ids: numpy.typing.NDArray[numpy.int32],
    sentence_offsets: numpy.typing.NDArray[numpy.int64],
    positions: numpy.typing.NDArray[numpy.int64] | None,
    window: typing.SupportsInt | typing.SupportsIndex,
    shrink: bool,
    keep_lone: bool,
    seed: typing.SupportsInt | typing.SupportsIndex,
    epoch: typing.SupportsInt | typing.SupportsIndex,
    threads: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.int32],
    numpy.typing.NDArray[numpy.int64],
    numpy.typing.NDArray[numpy.int64],
]: ...
def word_lines(data: bytes, offsets: numpy.typing.NDArray[numpy.int64]) -> bytes:
    """
    Each word with a line feed behind it.
    """
