"""What drift detection goes on with from one round to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from millstream.config.drift import DriftConfig
from millstream.drift.holdout_sample import HoldoutSample
from millstream.errors import RoundStoreError
from millstream.rounds.arrays_file import pack, unpack
from millstream.rounds.store import RoundFolder

__all__ = ["DriftState"]

FORMAT = 1


@dataclass(frozen=True, eq=False)
class DriftState:
    """What the detectors have seen, after a round.

    Attributes:
        detector: state of the detector of errors; None while it has read nothing.
        scale: of a regression's errors; None as long as no label was seen.
        reference: the holdout rows that features are compared with; None while there are none.
        recent_left: so many of the next rounds still prefer what is new.
        why: what was found when that began.
    """

    detector: Mapping[str, Any] | None = None
    scale: float | None = None
    reference: HoldoutSample | None = None
    recent_left: int = 0
    why: str = ""

    @classmethod
    def after(cls, folder: RoundFolder, section: DriftConfig) -> DriftState:
        """The state after a round; nothing seen, after a round that watched nothing.

        What was seen with another detector, another error or another test is of no use, and
        forgotten: it begins anew.

        Raises:
            RoundStoreError: it is damaged, or of a format that this version does not read.
        """
        data = folder.drift()
        if data is None:
            return cls()
        place = folder.path / "drift.npz"
        try:
            told, arrays = unpack(data)
            if told["format"] != FORMAT:
                raise RoundStoreError(
                    f"{place}: expected format {FORMAT}, got {told['format']!r}; use the millstream"
                    " that wrote it, or another service.state_dir"
                )
            alike = {
                key: told["settings"].get(key) == value for key, value in used(section).items()
            }
            return cls(
                detector=told["detector"] if alike["errors"] else None,
                scale=told["scale"] if alike["errors"] else None,
                reference=HoldoutSample.from_arrays(arrays) if arrays and alike["test"] else None,
                recent_left=int(told["recent_left"]),
                why=str(told["why"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RoundStoreError(
                f"{place}: expected the state of drift detection, got {error}; restore the folder"
                " from a backup, or use another service.state_dir"
            ) from error

    def to_bytes(self, section: DriftConfig) -> bytes:
        """What `after` reads from the round's folder."""
        told = {
            "format": FORMAT,
            "settings": used(section),
            "detector": self.detector,
            "scale": self.scale,
            "recent_left": self.recent_left,
            "why": self.why,
        }
        return pack(told, {} if self.reference is None else self.reference.to_arrays())


def used(section: DriftConfig) -> dict[str, Any]:
    """The settings that decide what a state means."""
    plain = section.model_dump(mode="json")
    errors = {name: plain[name] for name in ("detector", "error", "group_rows")}
    return {"errors": errors, "test": section.feature_test.kind}
