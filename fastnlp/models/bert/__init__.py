"""BERT (Devlin et al. 2019) on torch: configuration, encoder, pretraining heads, files, and use on text."""

from fastnlp.models.bert.config import BertConfig
from fastnlp.models.bert.encoder import BertModel
from fastnlp.models.bert.examples import PackedExamples
from fastnlp.models.bert.pretraining import BertForPreTraining, PretrainingLosses, PretrainingOutput

__all__ = [
    "BertConfig",
    "BertForPreTraining",
    "BertModel",
    "PackedExamples",
    "PretrainingLosses",
    "PretrainingOutput",
]
