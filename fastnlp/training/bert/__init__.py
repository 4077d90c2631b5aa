"""Pretraining of BERT on torch: settings, updates, reports, checkpoints, several processes."""

from fastnlp.training.bert.pretrainer import BertPretrainer
from fastnlp.training.bert.settings import PretrainingSettings
from fastnlp.training.pretraining_reports import PretrainingProgress, PretrainingTable

__all__ = ["BertPretrainer", "PretrainingProgress", "PretrainingSettings", "PretrainingTable"]
