"""Files written once and kept: what this version writes has to stay what older and other programs read.

tests/golden/ holds three small tables as gensim 4.4 and word2vec.c write them and as fastnlp 0.1 writes them,
a corpus folder and a checkpoint of fastnlp 0.1.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

from fastnlp import Corpus, Word2Vec, WordVectors

GOLDEN = Path(__file__).parent / "golden"
WORDS = ["the", "naïve", "東京", "a_b"]
TABLE = np.array([[1, -2.5, 3e-8], [0.1, 0.2, 0.3], [1e20, -1e-20, 0], [-0.0, 7, 0.33333334]], np.float32)
SETTINGS = dict(dim=4, window=2, epochs=2, subsample=0, threads=1, seed=3, negatives_shared_by="group")


@pytest.mark.parametrize("name", ["gensim.vec", "gensim.bin", "word2vec_c.bin", "fastnlp.vec", "fastnlp.bin"])
def test_vectors_of_all_writers_are_read_to_the_bit(name):
    vectors = WordVectors.load(GOLDEN / name)
    assert vectors.index_to_key == WORDS
    assert vectors.vectors.tobytes() == TABLE.tobytes()


@pytest.mark.parametrize("name", ["fastnlp.vec", "fastnlp.bin"])
def test_vectors_are_written_to_the_byte(name, tmp_path):
    WordVectors(WORDS, TABLE).save(tmp_path / name)
    assert (tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes()


def test_a_corpus_folder_is_read_and_written_to_the_byte(tmp_path):
    corpus = Corpus.open(GOLDEN / "corpus-1")
    assert corpus.vocab.tokens == ["<unk>", "a", "b", "c"]
    assert corpus.ids.tolist() == [1, 2, 1, 3, 1, 2]
    assert corpus.sentence_offsets.tolist() == [0, 3, 6]
    assert corpus.document_offsets.tolist() == [0, 1, 2]
    corpus.save(tmp_path / "corpus")
    for file in (GOLDEN / "corpus-1").iterdir():
        assert (tmp_path / "corpus" / file.name).read_bytes() == file.read_bytes()


def test_a_checkpoint_is_resumed(tmp_path):
    """It stands at the end of a run, so nothing is trained and the vectors are those in the file."""
    corpus = Corpus.open(GOLDEN / "corpus-1")
    shutil.copy(GOLDEN / "checkpoint-1.npz", tmp_path / "run.npz")
    resumed = Word2Vec(**SETTINGS).fit(corpus, checkpoint=tmp_path / "run.npz", resume=True)
    with np.load(GOLDEN / "checkpoint-1.npz") as arrays:
        assert np.array_equal(resumed.vectors.vectors, arrays["tables/input"])
    assert [report.epoch for report in resumed.history] == [0, 1]
