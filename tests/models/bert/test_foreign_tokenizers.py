"""Models that are given a tokenizer of Hugging Face's packages."""

import pytest
import torch

from fastnlp import BPE, BertConfig, BertForPreTraining, BertPretrainer, Corpus, WordPiece

tokenizers = pytest.importorskip("tokenizers", minversion="0.20")
pytestmark = pytest.mark.interop

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*SPECIAL, "the", "quick", "fox", "##es", "ran"]
TEXT = ["The quick foxes ran", "the fox", "", "foxes ran", "quick the quick", ""] * 4


def wordpiece(folder):
    WordPiece(PIECES).save(folder / "pieces.json")
    return tokenizers.Tokenizer.from_file(str(folder / "pieces.json"))


def byte_pairs(folder):
    BPE.train(TEXT, vocab_size=270, special_tokens=SPECIAL).save(folder / "pairs.json")
    return tokenizers.Tokenizer.from_file(str(folder / "pairs.json"))


def small(vocab_size):
    return BertConfig(
        vocab_size, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )


@pytest.mark.parametrize("make", [wordpiece, byte_pairs])
@pytest.mark.parametrize("wrapped", [False, True])
def test_it_is_kept_with_checkpoints_and_models(tmp_path, make, wrapped):
    theirs = make(tmp_path)
    if wrapped:
        transformers = pytest.importorskip("transformers")
        theirs = transformers.PreTrainedTokenizerFast(tokenizer_object=theirs)
    corpus = Corpus.from_text(TEXT, tokenizer=theirs)
    run = BertPretrainer(small(len(corpus.vocab)), steps=2, batch_size=4, max_len=16, device="cpu")
    run.fit(corpus, tokenizer=theirs, checkpoint=tmp_path / "run")
    run.model.save_pretrained(tmp_path / "model")
    wanted = run.model.encode(["the quick fox", "ran"])
    for folder in (tmp_path / "run" / "step-000000002", tmp_path / "model"):
        read = BertForPreTraining.from_pretrained(folder)
        torch.testing.assert_close(
            torch.from_numpy(read.encode(["the quick fox", "ran"])), torch.from_numpy(wanted)
        )
        assert len(read.fill_mask("the [MASK] ran", top=2)[0]) == 2


def test_it_may_be_set_or_given_when_saving(tmp_path):
    theirs = wordpiece(tmp_path)
    model = BertForPreTraining(small(len(PIECES)))
    model.save_pretrained(tmp_path / "model", theirs)
    model.tokenizer = theirs
    assert (
        model.encode("a fox") == BertForPreTraining.from_pretrained(tmp_path / "model").encode("a fox")
    ).all()


def test_what_cannot_be_kept_is_refused_before_the_training(tmp_path):
    unigram = tokenizers.Tokenizer(tokenizers.models.Unigram([(token, 0.0) for token in PIECES], unk_id=1))
    corpus = Corpus.from_text(TEXT, tokenizer=wordpiece(tmp_path))
    run = BertPretrainer(small(len(PIECES)), steps=1, batch_size=4, max_len=16, device="cpu")
    with pytest.raises(
        ValueError, match=r"tokenizer: expected word pieces or byte pairs, got a Tokenizer .*; without"
    ):
        run.fit(corpus, tokenizer=unigram, checkpoint=tmp_path / "run")
    with pytest.raises(
        TypeError, match=r"tokenizer: expected a BPE, a WordPiece or a fast tokenizer .* got str"
    ):
        run.fit(corpus, tokenizer="bert-base-uncased")
    assert run.model is None
    assert not (tmp_path / "run").exists()
