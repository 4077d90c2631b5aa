"""gensim's own tests of KeyedVectors, from the gensim that is installed, run against ours.

Only their imports are changed: `KeyedVectors` and `gensim.models` are ours; what makes files and random
numbers for the tests stays gensim's.
"""

import re
import types
import unittest
from pathlib import Path

import pytest

import fastnlp as fn

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]
gensim_keyedvectors = pytest.importorskip("gensim.models.keyedvectors")
gensim_test_utils = pytest.importorskip("gensim.test.utils")
gensim_utils = pytest.importorskip("gensim.utils")
SOURCE = Path(gensim_test_utils.__file__).with_name("test_keyedvectors.py")
if not SOURCE.is_file() or not Path(gensim_test_utils.datapath("euclidean_vectors.bin")).is_file():
    pytest.skip("this gensim comes without its tests", allow_module_level=True)


def load_word2vec_format(cls, fname, binary=False, limit=None, binary_chunk_size=None):
    """gensim's private function, which its tests call to set the size of its reads."""
    return cls.load_word2vec_format(fname, binary=binary, limit=limit)


def adapted():
    """The module's classes, its imports replaced."""
    ours = types.SimpleNamespace(KeyedVectors=fn.KeyedVectors, _load_word2vec_format=load_word2vec_format)
    names = {
        "KeyedVectors": fn.KeyedVectors,
        "REAL": gensim_keyedvectors.REAL,
        "pseudorandom_weak_vector": gensim_keyedvectors.pseudorandom_weak_vector,
        "datapath": gensim_test_utils.datapath,
        "gensim": types.SimpleNamespace(
            models=types.SimpleNamespace(KeyedVectors=fn.KeyedVectors, keyedvectors=ours),
            test=types.SimpleNamespace(utils=gensim_test_utils),
            utils=gensim_utils,
        ),
    }
    text, removed = re.subn(r"^(from|import) gensim.*$", "", SOURCE.read_text(encoding="utf-8"), flags=re.M)
    assert removed == 3, "gensim's test module has other imports than those that are replaced here"
    module = {"__name__": __name__, **names}
    exec(compile(text, SOURCE, "exec"), module)
    return {
        name: value
        for name, value in module.items()
        if isinstance(value, type) and issubclass(value, unittest.TestCase)
    }


CASES = adapted()
globals().update(CASES)


def test_all_of_gensims_tests_are_here():
    loader = unittest.TestLoader()
    assert sum(len(loader.getTestCaseNames(case)) for case in CASES.values()) >= 33
