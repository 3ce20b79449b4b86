"""Settings: what is refused, what a run may change, and the learning rate over the steps."""

from __future__ import annotations

import pytest

from engines.errors import TrainingError
from engines.training.settings import Device, Negatives, Optimizer, Precision, Settings


def test_json_keeps_every_setting() -> None:
    settings = Settings(
        steps=7, minutes=1.5, negatives=Negatives.HARDEST, optimizer=Optimizer.ADAM, decay_at=(3, 5), seed=9
    )
    assert Settings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"steps": 3}', "[" * 100_000])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(TrainingError, match="not the settings of a training run"):
        Settings.from_json(text)


def test_unknown_or_wrong_settings_are_refused() -> None:
    text = Settings().to_json()
    for found, put in (
        ('"seed": 0', '"sead": 0'),
        ('"semi-hard"', '"soft"'),
        ('"margin": 0.2', '"margin": "wide"'),
    ):
        with pytest.raises(TrainingError):
            Settings.from_json(text.replace(found, put))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"people": 1}, "people must be at least 2"),
        ({"margin": 0.0}, "margin must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0"),
        ({"minutes": -1.0}, "minutes must be above 0"),
        ({"decay_at": (5, 3)}, "decay_at must be rising"),
        ({"precision": Precision.FLOAT16, "device": Device.CPU}, "float16 needs a GPU"),
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        Settings(**wrong)  # type: ignore[arg-type]


def test_the_learning_rate_rises_then_falls_by_steps() -> None:
    settings = Settings(learning_rate=0.1, warm_up=4, decay_at=(6, 8), decay=0.1)

    found = [settings.learning_rate_at(step) for step in range(1, 9)]

    assert found == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.01, 0.01, 0.001])


def test_only_what_changes_no_step_may_differ() -> None:
    settings = Settings()

    assert settings.differing(Settings(steps=5, minutes=3.0, patience=2, threads=7, device=Device.CPU)) == ()
    assert settings.differing(Settings(margin=0.3, seed=1)) == ("margin", "seed")
