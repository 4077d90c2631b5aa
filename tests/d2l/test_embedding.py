import io
import os
import zipfile
from hashlib import sha1
from pathlib import Path

import pytest
import torch

from fastnlp import d2l

SMALL = "man 1 0 1\nwoman 1 1 1\nking 1 0 -1\nqueen 1 1 -1\ntree -1 0 0.5\n"


@pytest.fixture(scope="module")
def glove():
    if not (Path(os.environ.get("FASTNLP_DATA", "")) / "glove" / "glove.6B.50d.top2446.utf8.txt").is_file():
        pytest.skip("glove/glove.6B.50d.top2446.utf8.txt is not in the folder that FASTNLP_DATA names")
    return d2l.TokenEmbedding("glove.6b.50d.top2446")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (("man", "woman", "son"), "daughter"),
        (("beijing", "china", "tokyo"), "japan"),
        (("bad", "worst", "big"), "biggest"),
        (("do", "did", "go"), "went"),
    ],
)
def test_the_books_analogies_have_the_printed_answers(glove, question, answer):
    assert d2l.get_analogy(*question, glove) == answer


def test_the_books_vectors_have_the_numbers_of_the_file(glove):
    assert len(glove) == 2447 and glove.idx_to_vec.shape == (2447, 50)
    path = Path(os.environ["FASTNLP_DATA"]) / "glove" / "glove.6B.50d.top2446.utf8.txt"
    for idx, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        token, *numbers = line.rstrip().split(" ")
        assert glove.idx_to_token[idx] == token and glove.token_to_idx[token] == idx
        assert glove.idx_to_vec[idx].tolist() == torch.tensor([float(n) for n in numbers]).tolist()


@pytest.mark.parametrize("header", ["", "5 3\n"])
def test_the_first_row_is_that_of_unknown_tokens_and_a_header_is_skipped(tmp_path, header):
    path = tmp_path / "vec.txt"
    path.write_text(header + SMALL)
    embed = d2l.TokenEmbedding(str(path))
    assert embed.idx_to_token == ["<unk>", "man", "woman", "king", "queen", "tree"]
    assert embed.unknown_idx == 0 and len(embed) == 6
    assert embed[["king", "nobody"]].tolist() == [[1.0, 0.0, -1.0], [0.0, 0.0, 0.0]]
    assert embed["ab"].tolist() == [[0.0] * 3] * 2  # a string is taken apart, as in the book
    assert embed[[]].shape == (0, 3)
    assert d2l.get_analogy("man", "woman", "king", embed) == "queen"


def test_of_a_token_that_is_there_twice_the_last_is_found(tmp_path):
    path = tmp_path / "vec.txt"
    path.write_text("a 1 2\nb 3 4\na 5 6\n")
    embed = d2l.TokenEmbedding(path)
    assert embed.idx_to_token == ["<unk>", "a", "b", "a"] and embed[["a"]].tolist() == [[5.0, 6.0]]


def test_tokens_with_spaces_are_read(tmp_path):
    path = tmp_path / "vec.txt"
    path.write_text("a 1 2\n. . . 3 4\n")
    assert d2l.TokenEmbedding(path)[[". . ."]].tolist() == [[3.0, 4.0]]


def test_knn_is_the_books():
    torch.manual_seed(2)
    W, x = torch.randn(30, 4), torch.randn(1, 4)
    cos = torch.mv(W, x.reshape(-1)) / (
        torch.sqrt(torch.sum(W * W, dim=1) + 1e-9) * torch.sqrt((x * x).sum())
    )
    expected = torch.topk(cos, k=5)
    topk, cosines = d2l.knn(W, x, 5)
    assert topk.tolist() == expected.indices.tolist()
    torch.testing.assert_close(torch.stack(cosines), expected.values)
    assert [float(c) for c in d2l.knn(W, torch.zeros(4), 2)[1]] == [0.0, 0.0]
    for k in (0, 31):
        with pytest.raises(ValueError, match=f"k: expected 1 to 30, got {k}"):
            d2l.knn(W, x, k)


def test_similar_tokens_are_printed_as_in_the_book(tmp_path, capsys):
    path = tmp_path / "vec.txt"
    path.write_text("chip 1 0\nchips 0.6 0.8\nintel 0.8 0.6\nsame 1 0\n")
    d2l.get_similar_tokens("chip", 3, d2l.TokenEmbedding(path))
    assert capsys.readouterr().out == (
        "same: cosine 相似度 = 1.000\nintel: cosine 相似度 = 0.800\nchips: cosine 相似度 = 0.600\n"
    )


def test_what_cannot_be_answered_is_refused(tmp_path):
    path = tmp_path / "vec.txt"
    path.write_text(SMALL)
    embed = d2l.TokenEmbedding(path)
    with pytest.raises(ValueError, match="query_token: expected a token of the embedding, got 'nobody'"):
        d2l.get_similar_tokens("nobody", 1, embed)
    with pytest.raises(ValueError, match="k: expected 1 to 5, got 6"):
        d2l.get_similar_tokens("man", 6, embed)
    with pytest.raises(ValueError, match="embedding_name: expected a file, the name of one"):
        d2l.TokenEmbedding("glove.nothing")
    path.write_text("a 1 2\nb x 4\n")
    with pytest.raises(ValueError, match=r"vec\.txt: line 2: expected a word and 2 numbers, got 'x'"):
        d2l.TokenEmbedding(path)


def test_a_file_of_the_name_is_taken_before_the_archive(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTNLP_DATA", str(tmp_path))
    (tmp_path / "glove").mkdir()
    (tmp_path / "glove" / "glove.6B.50d.txt").write_text(SMALL)
    assert len(d2l.TokenEmbedding("glove.6b.50d")) == 6


def test_the_books_archive_is_found_by_its_sum(tmp_path, monkeypatch):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("glove.6B.50d/vec.txt", SMALL)
    (tmp_path / "glove.6B.50d.zip").write_bytes(packed.getvalue())
    monkeypatch.setenv("FASTNLP_DATA", str(tmp_path))
    monkeypatch.setitem(
        d2l.DATA_HUB, "glove.6b.50d", (d2l.DATA_URL + "glove.6B.50d.zip", sha1(packed.getvalue()).hexdigest())
    )
    assert d2l.get_analogy("man", "woman", "king", d2l.TokenEmbedding("glove.6b.50d")) == "queen"
