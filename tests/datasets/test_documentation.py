import collections
import sys

import pytest

from fastnlp import Corpus, datasets
from fastnlp.datasets import documentation


@pytest.fixture(scope="module")
def sentences():
    return list(datasets.python_docs())


def test_there_are_hundreds_of_thousands_of_words_of_english(sentences):
    assert 250_000 < sum(map(len, sentences)) < 500_000
    counts = collections.Counter(word for sentence in sentences for word in sentence)
    assert [word for word, _ in counts.most_common(5)] == ["the", "a", "is", "to", "of"]
    assert counts["method"] > 500
    assert counts["string"] > 500


def test_words_are_bare_and_in_lower_case(sentences):
    words = {word for sentence in sentences for word in sentence}
    assert all(word == word.lower() and word.split() == [word] for word in words)
    assert not words & {"", ".", ",", "(", ">>>", '"'}


def test_the_order_is_the_same_every_time(sentences):
    again = datasets.python_docs()
    assert all(left == right for left, right in zip(sentences[:2000], again, strict=False))


def test_documents_are_topics_and_modules(sentences):
    corpus = Corpus.from_text(sentences)
    assert 300 < corpus.n_documents <= sum(not sentence for sentence in sentences)
    assert corpus.vocab.min_count == 5
    assert len(corpus.vocab) > 3000


def test_docstrings_are_read_without_running_the_module(tmp_path):
    source = tmp_path / "module.py"
    source.write_text(
        '"""First. Second one!\n\n    >>> code\n    1\n"""\nimport sys\nsys.exit("ran")\n'
        'if True:\n    def f():\n        "Of f."\n        class C:\n            """Of C."""\n'
        'else:\n    async def g(): "Of g."\n'
    )
    assert list(documentation._docstrings(source)) == [
        "First. Second one!\n\n    >>> code\n    1\n",
        "Of f.",
        "Of C.",
        "Of g.",
    ]
    assert list(documentation._sentences("First. Second one!\n\n    >>> code\n    1\n")) == [
        ["first"],
        ["second", "one"],
    ]
    source.write_text("not python")
    assert list(documentation._docstrings(source)) == []


def test_a_python_without_documentation_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    with pytest.raises(FileNotFoundError, match="python_docs: expected topics"):
        list(datasets.python_docs())
