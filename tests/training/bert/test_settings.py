import pytest

from fastnlp.training.bert import PretrainingSettings


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", [0.5, 1.0, 0.8, 0.6, 0.4, 0.2]),
        ("cosine", [0.5, 1.0, 0.9045085, 0.6545085, 0.3454915, 0.0954915]),
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_rate_rises_and_falls(schedule, expected):
    settings = PretrainingSettings(steps=6, warmup=2, lr=1.0, schedule=schedule)
    assert [settings.lr_at(step) for step in range(6)] == pytest.approx(expected)
    assert settings.lr_at(99) == pytest.approx(1.0 if schedule == "constant" else 0.0)


def test_a_warm_up_below_one_is_a_part_of_the_run():
    settings = PretrainingSettings(lr=1.0, warmup=0.1)
    assert settings.lr_at(0, 100) == pytest.approx(0.1)
    assert settings.lr_at(9, 100) == pytest.approx(1.0)
    assert PretrainingSettings(lr=1.0, warmup=0).lr_at(0, 10) == pytest.approx(1.0)
    assert PretrainingSettings(lr=1.0, min_lr=0.5, warmup=0).lr_at(9, 10) == pytest.approx(0.55)
