"""The folder of a round: its files, each of which is checked when it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from millstream.durable import write_bytes, write_json
from millstream.errors import RoundStoreError
from millstream.rounds.first_report import check_first_report
from millstream.rounds.marker import Marker, check_digest, read_bytes
from millstream.rounds.plan import Plan
from millstream.rounds.seal import damaged, file_digest, parse, seal, unseal

__all__ = ["HEAVY", "RoundFolder"]

HEAVY = (
    "weights.npz",
    "test.arrow",
    "examples.arrow",
    "vocabulary.json",
    "statistics.json",
    "history.json",
    "drift.npz",
    "river.pickle",
)
SEALED = {"format", "seal"}  # either says that there is a seal
FORMAT = 2  # of the files without a format of their own; those of format 1 have no number


class RoundFolder:
    """The files of one round.

    Guarantee: of a round that happened, each file is read as the round left it, or refused with its
    name (`RoundStoreError`). Rounds of format 1 have no digests but that of
    the weights: of other files only the form is checked.
    """

    __slots__ = ("_known", "_missing", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[Marker, Plan] | None = None  # of a round that happened
        self._missing: int | None = None

    @property
    def weights(self) -> Path:
        """The learner after the round."""
        return self.path / "weights.npz"

    @property
    def test_rows(self) -> Path:
        """The test half of the holdout."""
        return self.path / "test.arrow"

    @property
    def examples(self) -> Path:
        """Rows that a rung learns from, where some rung does."""
        return self.path / "examples.arrow"

    @property
    def number(self) -> int:
        """The round's number."""
        return int(self.path.name)

    @property
    def done(self) -> bool:
        """Whether the round happened."""
        return (self.path / "DONE").exists()

    @property
    def pruned(self) -> bool:
        """Whether the round's weights were removed; its plan and report stay."""
        return self.done and not self.weights.exists()

    def plan(self) -> Plan:
        """The round's plan."""
        if self._known is not None:
            return self._known[1]
        path = self.path / "plan.json"
        try:
            plan = Plan.from_json(parse(path, self._content("plan.json")))
        except RoundStoreError as error:
            told = str(error)
            raise RoundStoreError(
                told if told.startswith(str(path)) else f"{self.path}/{told}"
            ) from error
        if self.done:
            self._known = self._marker(), plan
        return plan

    def missing(self) -> int:
        """How many of its offsets the broker had deleted; remembered of one that happened."""
        if self._missing is not None:
            return self._missing
        missing = self.plan().missing
        if self.done:
            self._missing = missing
        return missing

    def forget_plan(self) -> None:
        """Remember the plan no longer, nor the digests: there are ever more rounds."""
        self._known = None

    def report(self) -> dict[str, Any]:
        """Counts, losses and scores of the round."""
        report = self._read("report.json")
        if self.done and self._marker().files is None:
            check_first_report(self.path / "report.json", report, self.number)
        return report

    def write_report(self, report: dict[str, Any]) -> None:
        """Store the report durably."""
        self._write("report.json", report)

    def vocabulary(self) -> dict[str, Any]:
        """The words of the vocabularies that grow, as plain data."""
        value = self._read("vocabulary.json")
        return dict(value["words"]) if isinstance(value.get("words"), dict) else value

    def write_vocabulary(self, words: dict[str, Any]) -> None:
        """Store the words durably."""
        self._write("vocabulary.json", {"words": words})

    def statistics(self) -> dict[str, Any] | None:
        """Those of the features, as plain data; None for a round that knew of none.

        Round 0 and those of older versions are such rounds; the reports of others tell of them.
        """
        if "statistics" not in self.report():
            return None
        return parse(self.path / "statistics.json", self._content("statistics.json"))

    def write_statistics(self, statistics: dict[str, Any]) -> None:
        """Store the statistics durably; they have a format of their own."""
        write_json(self.path / "statistics.json", statistics)

    def history(self) -> dict[str, Any] | None:
        """Of what the histories consist, by side; None after a round that kept none."""
        return self._read("history.json") if "history" in self.report() else None

    def write_history(self, history: dict[str, Any]) -> None:
        """Store durably of what the histories consist."""
        self._write("history.json", history)

    def drift(self) -> bytes | None:
        """What drift detection goes on with; None after a round that watched nothing."""
        return self._content("drift.npz") if "drift" in self.report() else None

    def write_drift(self, state: bytes) -> None:
        """Store durably what drift detection goes on with; it has a format of its own."""
        write_bytes(self.path / "drift.npz", state)

    @property
    def is_published(self) -> bool:
        """Whether publication has ended."""
        return (self.path / "published.json").exists()

    def published(self) -> dict[str, Any] | None:
        """What publication came to, or None if it has not ended."""
        path = self.path / "published.json"
        if not self.is_published:
            return None
        content = read_bytes(path)
        value = parse(path, content)
        return _checked(path, unseal(path, content) if value.keys() & SEALED else value)

    def write_published(self, outcome: dict[str, Any]) -> None:
        """Note durably that publication has ended."""
        write_bytes(self.path / "published.json", seal({"format": FORMAT, **outcome}))

    def mark_done(self, digest: str) -> None:
        """Write the marker that makes the round real; everything else must be durable before.

        Args:
            digest: of the checkpoint's content.
        """
        parent = self.plan().parent
        before = None if parent is None else self.path.with_name(f"{parent:06d}") / "DONE"
        link = file_digest(before) if before is not None and before.exists() else None
        write_bytes(self.path / "DONE", Marker.of(self.path, digest, link).encode())
        self._known = None

    def digest(self) -> str:
        """SHA-256 of the weights, as the marker recorded it."""
        return self._marker().weights

    def files(self) -> Mapping[str, str] | None:
        """SHA-256 of each file that the round left, by name; None of a round of format 1."""
        return self._marker().files

    def check(self) -> None:
        """Check every file of a round that happened; it takes a look at each byte.

        Raises:
            RoundStoreError: a file is missing, damaged, or of a newer format.
        """
        for name in self._marker().files or ():
            path = self.path / name
            if not (self.pruned and name in HEAVY):
                self._check(path)
        self.plan()
        self.report()
        self.published()

    def check_weights(self, found: str) -> None:
        """Check the digest of the weights that were read; markers of all formats have it.

        Raises:
            RoundStoreError: they are not those that the round left.
        """
        if found != self.digest():
            raise damaged(
                self.weights, f"weights {self.digest()[:12]}, as DONE has them", found[:12]
            )

    def check_parent(self, parent: RoundFolder) -> None:
        """Check that the round was made after this very parent.

        Raises:
            RoundStoreError: its marker names another one.
        """
        link = self._marker().parent
        found = hashlib.sha256(read_bytes(parent.path / "DONE")).hexdigest()
        if link is not None and link != found:
            raise damaged(
                self.path / "DONE",
                f"a round that follows {parent.path.name} with marker {found[:12]}",
                f"one that follows marker {link[:12]}",
            )

    def _check(self, path: Path) -> None:
        try:
            found = file_digest(path)
        except OSError as error:
            raise damaged(path, "a file of the round", error.strerror or str(error)) from error
        check_digest(path, (self._marker().files or {}).get(path.name), found)

    def _marker(self) -> Marker:
        return Marker.read(self.path / "DONE") if self._known is None else self._known[0]

    def _content(self, name: str) -> bytes:
        content = read_bytes(self.path / name)
        if self.done:
            self._marker().check(self.path / name, content)
        return content

    def _read(self, name: str) -> dict[str, Any]:
        return _checked(self.path / name, parse(self.path / name, self._content(name)))

    def _write(self, name: str, value: dict[str, Any]) -> None:
        write_json(self.path / name, {**value, "format": FORMAT})


def _checked(path: Path, value: dict[str, Any]) -> dict[str, Any]:
    """A file's value without its format.

    Raises:
        RoundStoreError: this version does not read that format.
    """
    # Before there were numbers, a vocabulary could have a field with this name.
    found = value.get("format")
    if found is None or isinstance(found, list):
        return value
    if found != FORMAT:
        raise RoundStoreError(
            f"{path}: expected format {FORMAT} or 1, got {found!r};"
            " use the millstream that wrote it, or another service.state_dir"
        )
    return {key: item for key, item in value.items() if key != "format"}
