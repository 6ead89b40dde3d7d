"""The gate that a configuration describes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millstream.config.config import Config
from millstream.config.gate import GuardSpec
from millstream.errors import ConfigError

if TYPE_CHECKING:
    import trainer

__all__ = ["make_gate"]


def make_gate(config: Config) -> trainer.ScoreGate:
    """The gate that the configuration describes.

    Raises:
        ConfigError: the function of the user's own cannot be loaded.
    """
    import trainer

    section = config.gate
    test = trainer.PairedTest(
        margin=0.0 if config.compare == "superior" else section.margin,
        confidence=section.confidence,
        test=section.test,
        resamples=section.resamples,
    )
    return trainer.ScoreGate(
        metric=config.metric,
        max_loss=config.compress.max_loss,
        min_gain=config.registry.min_gain,
        max_output_difference=config.max_output_difference,
        min_rows=config.registry.min_rows,
        compare="score" if config.compare == "score" else "paired",
        test=test,
        guards=tuple(make_guard(spec, config.metric) for spec in section.guards),
        first=trainer.FirstVersion(
            section.burn_in_rounds, section.burn_in_rows, section.must_beat_baseline
        ),
        own=load_own(config),
    )


def load_own(config: Config) -> Callable[[trainer.Evidence], trainer.Verdict] | None:
    """The function that `gate.own` names, if it names one.

    Raises:
        ConfigError: it cannot be loaded.
    """
    import trainer

    if config.gate.own is None:
        return None
    try:
        function: Any = trainer.load_builder(config.gate.own, config.directory)
    except trainer.ModelError as error:
        raise ConfigError(f"gate.own: {error}") from error
    return function  # type: ignore[no-any-return]


def make_guard(spec: GuardSpec, metric: str) -> trainer.Guard:
    """One of `[[gate.guards]]`; its metric is the gate's if it names none."""
    import trainer

    return trainer.Guard(
        metric=spec.metric or metric,
        max_loss=spec.max_loss,
        slice=spec.slice,
        value=spec.text,
        min_rows=spec.min_rows,
        refuse=spec.refuse,
    )
