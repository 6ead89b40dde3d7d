"""Triggers: when a round is due."""

from dataclasses import dataclass
from typing import Protocol

from trainer.errors import SettingsError


class Trigger(Protocol):
    """Says whether a round is due.

    Guarantee: a pure function of its arguments; never due without a record; once due, it stays due
    as records and seconds grow. `trainer.checks.check_trigger` proves it.
    """

    def due(self, records: int, seconds: float) -> str | None:
        """Return why a round is due, or None.

        Args:
            records: Records that wait for a round.
            seconds: Time since the first of them came.
        """
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

    def due(self, records: int, seconds: float) -> str | None:  # noqa: ARG002 - the protocol
        """Return the reason, or None."""
        return f"{records} records" if records >= self.records else None


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

    def due(self, records: int, seconds: float) -> str | None:
        """Return the reason, or None."""
        return f"{seconds:.1f} s" if records >= 1 and seconds >= self.seconds else None


@dataclass(frozen=True)
class AnyTrigger:
    """Due when one of `triggers` is; the reason is the first one's."""

    triggers: tuple[Trigger, ...]

    def __post_init__(self) -> None:
        """Check that there is one.

        Raises:
            SettingsError: No trigger: no round would ever be due.
        """
        if not self.triggers:
            raise _refused("trigger", "records or seconds", "none")

    @classmethod
    def of(cls, records: int | None = None, seconds: float | None = None) -> "AnyTrigger":
        """Return the trigger for what is given of the two.

        Raises:
            SettingsError: Neither is given, or one is out of range.
        """
        by_records = () if records is None else (RecordsTrigger(records),)
        by_seconds = () if seconds is None else (SecondsTrigger(seconds),)
        return cls((*by_records, *by_seconds))

    def due(self, records: int, seconds: float) -> str | None:
        """Return the reason, or None."""
        reasons = (trigger.due(records, seconds) for trigger in self.triggers)
        return next((reason for reason in reasons if reason is not None), None)


def _refused(name: str, expected: str, got: object) -> SettingsError:
    return SettingsError(f"trigger.{name}", expected=expected, got=repr(got), mend="change it")
