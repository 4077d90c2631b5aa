import math

import pytest
import torch
from training.bert.runs import SPECIAL, config, corpus, trainer

from fastnlp import BertPretrainer, Corpus
from fastnlp.sampling import BertExamples


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"lr": 0}, "lr: expected above 0"),
        ({"lr": math.nan}, "lr: expected 0 to 100, got nan"),
        ({"batch_size": 0}, "batch_size: expected 1"),
        ({"schedule": "step"}, "schedule: expected one of 'linear'"),
        ({"precision": "int8"}, "precision"),
        ({"compile": True, "unpadded": True}, "unpadded"),
        ({"device": "tpu"}, "device"),
        ({"max_len": 64}, "max_len: expected at most the model's 32"),
        ({"batch_size": 10_000}, None),
        ({"mask_fraction": 0.0}, "mask_fraction"),
    ],
)
def test_bad_settings_are_refused(data, settings, text):
    if text is None:  # more than there are: the one batch that there is
        assert trainer(data, steps=1, **settings).fit(data).history[-1].step == 1
        return
    with pytest.raises(ValueError, match=text):
        trainer(data, **settings).fit(data)


def test_wrong_kinds_are_refused(data):
    with pytest.raises(TypeError, match="rate: expected a setting of pretraining"):
        BertPretrainer(config(data), rate=1)
    with pytest.raises(TypeError, match="model"):
        BertPretrainer({"vocab_size": 3})
    with pytest.raises(TypeError, match="steps: expected int"):
        trainer(data, steps=1.5)
    with pytest.raises(TypeError, match="data: expected a Corpus"):
        trainer(data).fit(["the cat"])
    with pytest.raises(ValueError, match="resume"):
        trainer(data).fit(data, resume=True)
    with pytest.raises(ValueError, match="keep"):
        trainer(data).fit(data, keep=0)
    with pytest.raises(ValueError, match="at most the model's 5 words"):
        trainer(data, model=config(data).__class__(5)).fit(data)
    with pytest.raises(ValueError, match="data: expected pairs of sentences"):
        trainer(data).fit(BertExamples(data, max_len=24, mode="full"))
    with pytest.raises(ValueError, match="type_vocab_size: expected at least 2 for pairs"):
        trainer(data, model=config(data, type_vocab_size=1)).fit(data)
    with pytest.raises(ValueError, match="process 0 of 1"):
        trainer(data).fit(BertExamples(data, max_len=24, rank=1, world_size=2))
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="GPUs"):
            trainer(data, device="cuda").fit(data)


def test_validation_by_another_vocabulary_is_refused(data):
    other = corpus(5)
    assert len(other.vocab) == len(data.vocab)  # the same words, by other frequencies
    with pytest.raises(ValueError, match=r"validation: expected the 24 tokens .* got 24, with .* as 4"):
        trainer(data, steps=1).fit(data, validation=other)
    trainer(data, steps=1).fit(data, validation=corpus(5, vocab=data.vocab))
    fewer = Corpus.from_text(["g0w0 g0w1", "g0w2", "", "g0w3"], min_count=1, reserved=SPECIAL)
    with pytest.raises(ValueError, match="validation: expected the 24 tokens"):
        trainer(data, steps=1).fit(data, validation=fewer)
