import pytest

from fastnlp.training.bert import PretrainingSettings


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", [0.5, 1.0, 0.75, 0.5, 0.25, 0.0]),
        ("cosine", [0.5, 1.0, 0.8535533905932737, 0.5, 0.14644660940672627, 0.0]),
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_rate_rises_and_falls(schedule, expected):
    settings = PretrainingSettings(steps=6, warmup=2, lr=1.0, schedule=schedule)
    assert [settings.lr_at(step) for step in range(6)] == pytest.approx(expected)
    assert settings.lr_at(99) == pytest.approx(expected[-1])


def test_a_warm_up_below_one_is_a_part_of_the_run():
    settings = PretrainingSettings(lr=1.0, warmup=0.1)
    assert settings.lr_at(0, 100) == pytest.approx(0.1)
    assert settings.lr_at(9, 100) == pytest.approx(1.0)
    assert PretrainingSettings(lr=1.0, warmup=0).lr_at(0, 10) == pytest.approx(0.9)
    assert PretrainingSettings(lr=1.0, min_lr=0.5, warmup=0).lr_at(9, 10) == pytest.approx(0.5)
