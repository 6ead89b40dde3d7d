"""Rungs that begin with the same change share it, and give what each alone would give."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from registry import Subject
from registry.compress.rung import Rung
from registry.compress.sharing import Sharing
from registry.errors import RungError


@dataclass(frozen=True)
class Ending:
    """A rung of bytes: it puts something behind them."""

    end: bytes

    @property
    def name(self) -> str:
        return self.end.decode()

    def apply(self, subject: Subject) -> bytes:
        return subject.float32 + self.end


@dataclass(frozen=True)
class Change:
    """A rung that changes the model, and notes each time that it does."""

    share: float
    inner: Rung
    made: list[float] = field(default_factory=list, compare=False)

    @property
    def name(self) -> str:
        return f"change_{self.inner.name}"

    def apply(self, subject: Subject) -> bytes:
        self.made.append(self.share)
        if self.share > 1:
            raise RungError("more than there is")
        return self.inner.apply(replace(subject, float32=subject.float32 + b"%g" % self.share))


def test_equal_changes_are_made_once_and_others_by_themselves() -> None:
    subject, made = Subject(b"model"), []
    rungs = [Change(share, Ending(end), made) for share in (0.5, 0.25) for end in (b"a", b"b")]
    alone = [rung.apply(subject) for rung in rungs]
    made.clear()
    sharing = Sharing(subject)
    assert [sharing.apply(rung) for rung in rungs] == alone
    assert sharing.apply(Ending(b"c")) == b"modelc"
    assert made == [0.5, 0.25]


def test_changes_of_a_changed_model_are_shared_too() -> None:
    subject, made = Subject(b"model"), []
    rungs = [
        Change(0.5, Change(share, Ending(end), made), made)
        for share in (0.5, 0.25)
        for end in (b"a", b"b")
    ]
    alone = [rung.apply(subject) for rung in rungs]
    made.clear()
    sharing = Sharing(subject)
    assert [sharing.apply(rung) for rung in rungs] == alone
    assert made == [0.5, 0.5, 0.25]


def test_a_change_that_fails_fails_for_each_and_is_tried_once() -> None:
    sharing, made = Sharing(Subject(b"model")), []
    for end in (b"a", b"b"):
        with pytest.raises(RungError, match="more than there is"):
            sharing.apply(Change(2, Ending(end), made))
    assert made == [2]


def test_an_inner_rung_that_fails_leaves_the_change_to_others() -> None:
    sharing, made = Sharing(Subject(b"model")), []
    with pytest.raises(RungError):
        sharing.apply(Change(0.5, Change(2, Ending(b"a")), made))
    assert sharing.apply(Change(0.5, Ending(b"b"), made)) == b"model0.5b"
    assert made == [0.5]
