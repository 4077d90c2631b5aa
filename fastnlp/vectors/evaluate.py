"""How good word vectors are: analogies, judgements of similarity, categories and outliers.

The figures are those of gensim's `evaluate_word_analogies` and `evaluate_word_pairs` on the same vectors.
"""

from fastnlp.vectors.evaluation.categories import CategoryResult, categories
from fastnlp.vectors.evaluation.judgements import Correlation, SimilarityResult, similarity
from fastnlp.vectors.evaluation.outliers import OutlierResult, outliers
from fastnlp.vectors.evaluation.questions import AnalogyResult, AnalogySection, analogies

__all__ = [
    "AnalogyResult",
    "AnalogySection",
    "CategoryResult",
    "Correlation",
    "OutlierResult",
    "SimilarityResult",
    "analogies",
    "categories",
    "outliers",
    "similarity",
]
