"""Triggers: when a round is due."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from trainer.errors import SettingsError


@dataclass(frozen=True)
class PastRound:
    """What a round came to, for triggers that weigh gain against cost.

    Attributes:
        records: It was made of.
        score: Of the learner on its holdout, before it was trained.
        seconds: Its training took.
    """

    records: int
    score: float
    seconds: float


@dataclass(frozen=True)
class Waiting:
    """What a trigger may look at: plain numbers, so that every worker decides alike.

    Attributes:
        records: That wait for a round.
        seconds: Since the first of them came.
        drift: What a look at the waiting records found, as a phrase; None if nothing.
        by_hand: Whether somebody asked for a round.
        past: The last rounds, oldest first.
    """

    records: int
    seconds: float
    drift: str | None = None
    by_hand: bool = False
    past: tuple[PastRound, ...] = ()

    @classmethod
    def together(cls, parts: "Sequence[Waiting]") -> "Waiting":
        """Return what waits at all workers (at least one), given in the order of their ranks.

        Records add up, the longest wait counts, one drift or one request is enough, and the past
        is that of the first.
        """
        found = (part.drift for part in parts if part.drift is not None)
        return cls(
            records=sum(part.records for part in parts),
            seconds=max(part.seconds for part in parts),
            drift=next(found, None),
            by_hand=any(part.by_hand for part in parts),
            past=parts[0].past,
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Waiting":
        """Return the inverse of `to_json`."""
        return cls(**{**value, "past": tuple(PastRound(**each) for each in value["past"])})


class Trigger(Protocol):
    """Says whether a round is due.

    Guarantee: a pure function of its argument; never due without a record; once due, it stays due
    as records and seconds grow. `trainer.checks.check_trigger` proves it.
    """

    def due(self, waiting: Waiting) -> str | None:
        """Return why a round is due, or None."""
        ...


@dataclass(frozen=True)
class RecordsTrigger:
    """Due when `records` (at least 1) wait."""

    records: int

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            SettingsError: Less than 1.
        """
        if self.records < 1:
            raise _refused("records", "at least 1", self.records)

    def due(self, waiting: Waiting) -> str | None:
        """Return the reason, or None."""
        return f"{waiting.records} records" if waiting.records >= self.records else None


@dataclass(frozen=True)
class SecondsTrigger:
    """Due when the first waiting record waits for `seconds` (more than 0)."""

    seconds: float

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            SettingsError: Not more than 0.
        """
        if not self.seconds > 0:
            raise _refused("seconds", "more than 0", self.seconds)

    def due(self, waiting: Waiting) -> str | None:
        """Return the reason, or None."""
        waited = waiting.records >= 1 and waiting.seconds >= self.seconds
        return f"{waiting.seconds:.1f} s" if waited else None


@dataclass(frozen=True)
class DriftTrigger:
    """Due when the waiting records show a drift."""

    def due(self, waiting: Waiting) -> str | None:
        """Return the reason, or None."""
        return f"drift: {waiting.drift}" if waiting.drift and waiting.records >= 1 else None


@dataclass(frozen=True)
class HandTrigger:
    """Due when somebody asked for a round; the request waits until there is a record."""

    def due(self, waiting: Waiting) -> str | None:
        """Return the reason, or None."""
        return "by hand" if waiting.by_hand and waiting.records >= 1 else None


@dataclass(frozen=True)
class AnyTrigger:
    """Due when one of `triggers` is; the reason is the first one's."""

    triggers: tuple[Trigger, ...]

    def __post_init__(self) -> None:
        """Check that there is one.

        Raises:
            SettingsError: No trigger: no round would ever be due.
        """
        _check_some(self.triggers)

    @classmethod
    def of(cls, records: int | None = None, seconds: float | None = None) -> "AnyTrigger":
        """Return the trigger for what is given of the two.

        Raises:
            SettingsError: Neither is given, or one is out of range.
        """
        by_records = () if records is None else (RecordsTrigger(records),)
        by_seconds = () if seconds is None else (SecondsTrigger(seconds),)
        return cls((*by_records, *by_seconds))

    def due(self, waiting: Waiting) -> str | None:
        """Return the reason, or None."""
        reasons = (trigger.due(waiting) for trigger in self.triggers)
        return next((reason for reason in reasons if reason is not None), None)


@dataclass(frozen=True)
class AllTrigger:
    """Due when all of `triggers` are; the reason names them all."""

    triggers: tuple[Trigger, ...]

    def __post_init__(self) -> None:
        """Check that there is one.

        Raises:
            SettingsError: No trigger: every round would be due.
        """
        _check_some(self.triggers)

    def due(self, waiting: Waiting) -> str | None:
        """Return the reason, or None."""
        reasons = [trigger.due(waiting) for trigger in self.triggers]
        given = [reason for reason in reasons if reason is not None]
        return " and ".join(given) if len(given) == len(reasons) else None


def _check_some(triggers: tuple[Trigger, ...]) -> None:
    if not triggers:
        raise _refused("trigger", "at least one, such as records or seconds", "none")


def _refused(name: str, expected: str, got: object) -> SettingsError:
    return SettingsError(f"trigger.{name}", expected=expected, got=repr(got), mend="change it")
