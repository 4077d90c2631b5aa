import math

import pytest
import torch

from fastnlp.models.bert import group_attention
from fastnlp.models.bert.dropout import decisions
from fastnlp.models.bert.group_attention import attend_groups, fits_groups

GROUPS = [(3, 1), (2, 4), (1, 7)]
ROWS = 18


def test_it_is_the_formula_with_what_was_drawn_and_so_are_its_gradients(monkeypatch):
    drawn = []

    def recorded(shape, rate):
        keep, scale = decisions(shape, rate)
        drawn.append(keep)
        return keep, scale

    monkeypatch.setattr(group_attention, "decisions", recorded)
    draw = torch.Generator().manual_seed(1)
    qkv = torch.randn(ROWS, 3, 2, 5, dtype=torch.float64, generator=draw).requires_grad_()
    upstream = torch.randn(ROWS, 2, 5, dtype=torch.float64, generator=draw)
    found = attend_groups(qkv, GROUPS, 0.25)
    (by,) = torch.autograd.grad(found, qkv, upstream)
    parts, row = [], 0
    for (sequences, length), keep in zip(GROUPS, drawn, strict=True):
        some = qkv[row : row + sequences * length].view(sequences, length, 3, 2, 5)
        query, key, value = some.permute(2, 3, 0, 1, 4)
        weights = (query @ key.mT / math.sqrt(5)).softmax(-1) * keep / 0.75
        parts.append((weights @ value).permute(1, 2, 0, 3).reshape(-1, 2, 5))
        row += sequences * length
    expected = torch.cat(parts)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(by, torch.autograd.grad(expected, qkv, upstream)[0])
    assert 0 < sum(int(keep.sum()) for keep in drawn) < sum(keep.numel() for keep in drawn)


def test_one_seed_drops_the_same_weights_again():
    qkv = torch.randn(ROWS, 3, 2, 5)
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(attend_groups(qkv, GROUPS, 0.5))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


@pytest.mark.parametrize(
    ("kind", "rate", "fits"),
    [(torch.float32, 0.1, True), (torch.float32, 0.0, False), (torch.bfloat16, 0.1, False)],
)
def test_what_it_is_not_for_goes_another_way(kind, rate, fits):
    qkv = torch.zeros(ROWS, 3, 2, 5, dtype=kind)
    assert fits_groups(qkv, rate) == fits
    with torch.autocast("cpu", torch.bfloat16):
        assert not fits_groups(qkv, rate)
