import math

import pytest
import torch

from fastnlp import d2l


@pytest.mark.parametrize("x", [0.0, 0.5, 1.0, 99.0, 100.0, 1e6])
def test_the_weight_is_the_books(x):
    expected = (x / 100) ** 0.75 if x < 100 else 1.0
    assert d2l.glove_weight(torch.tensor(x, dtype=torch.float64)).item() == pytest.approx(expected)
    other = (x / 10) ** 0.5 if x < 10 else 1.0
    assert d2l.glove_weight(torch.tensor(x, dtype=torch.float64), 10, 0.5).item() == pytest.approx(other)


def test_the_weight_never_falls():
    assert (d2l.glove_weight(torch.linspace(0, 200, 401)).diff() >= 0).all()


def parameters(words=5, dim=3):
    shapes = ((words, 1, dim), (1, words, dim), (words, 1), (1, words))
    v, u, b, c = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes)
    return v, u, b, c


def test_the_loss_is_the_books_sum_over_pairs():
    v, u, b, c = parameters()
    x = torch.randint(0, 200, (5, 5))
    total = 0.0
    for i in range(5):
        for j in range(5):
            count = x[i, j].item()
            if count > 0:
                weight = (count / 100) ** 0.75 if count < 100 else 1.0
                score = (u[0, j] @ v[i, 0] + b[i, 0] + c[0, j]).item()
                total += weight * (score - math.log(count)) ** 2
    assert d2l.glove_loss(v, u, b, c, x).sum().item() == pytest.approx(total)


def test_its_gradients_are_finite_differences_and_those_of_absent_pairs_are_zero():
    everything = parameters()
    x = torch.randint(1, 200, (5, 5)).double()
    x[2] = 0.0
    assert torch.autograd.gradcheck(lambda *given: d2l.glove_loss(*given, x), everything)
    d2l.glove_loss(*everything, x).sum().backward()
    v, u, b, c = everything
    assert not v.grad[2].any()
    assert not b.grad[2].any()
    assert v.grad[1].all()
    assert u.grad.isfinite().all()
    assert c.grad.isfinite().all()


def test_a_perfect_fit_costs_nothing():
    """u.v + b + c = log x, as the section derives from the ratios of probabilities."""
    x = torch.tensor([3.0, 40.0, 500.0])
    nothing = torch.zeros(3, 2)
    assert not d2l.glove_loss(nothing, nothing, x.log() / 2, x.log() / 2, x).any()


def test_counts_below_zero_are_refused():
    with pytest.raises(ValueError, match=r"x: expected counts of at least 0, got -1.0"):
        d2l.glove_weight(torch.tensor([2.0, -1.0]))
    zeros = torch.zeros(2)
    with pytest.raises(ValueError, match=r"x: expected counts of at least 0, got -1.0"):
        d2l.glove_loss(zeros[:, None], zeros[:, None], zeros, zeros, torch.tensor([2.0, -1.0]))
