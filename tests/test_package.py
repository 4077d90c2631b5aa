import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import fastnlp


def python(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_the_import_loads_neither_torch_nor_numpy():
    loaded = python("import sys, fastnlp; print(*sys.modules)").split()
    assert not {"torch", "triton", "numpy", "matplotlib"} & set(loaded)


def test_training_works_without_torch():
    code = """
        import sys
        sys.modules["torch"] = sys.modules["triton"] = None
        import fastnlp
        corpus = fastnlp.Corpus.from_text(["a b c d"] * 20, min_count=1)
        model = fastnlp.Word2Vec(dim=4, epochs=1, subsample=0).fit(corpus)
        print(model.vectors.most_similar("a", topn=1)[0][0] in "bcd")
    """
    assert python("\n".join(line.strip() for line in code.splitlines())).split()[-1] == "True"


def test_every_public_name_loads_and_is_documented():
    torch = importlib.util.find_spec("torch") is not None
    for name in (name for name in fastnlp.__all__ if torch or name not in ("d2l", "kernels")):
        assert getattr(fastnlp, name).__doc__
    assert set(fastnlp.__all__) <= set(dir(fastnlp))
    with pytest.raises(AttributeError, match="no attribute 'word2vec'"):
        _ = fastnlp.word2vec


@pytest.mark.skipif(
    importlib.util.find_spec("pybind11_stubgen") is None, reason="pybind11-stubgen not installed"
)
def test_the_stub_is_that_of_the_extension(tmp_path):
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pybind11_stubgen",
            "fastnlp._core",
            "-o",
            tmp_path,
            "--numpy-array-use-type-var",
        ],
        check=True,
        capture_output=True,
    )
    fresh = (tmp_path / "fastnlp" / "_core.pyi").read_text()
    kept = (Path(fastnlp.__file__).parent / "_core.pyi").read_text()
    assert ast.dump(ast.parse(kept)) == ast.dump(ast.parse(fresh)), (
        "see CONTRIBUTING.md: generate the stub again"
    )
