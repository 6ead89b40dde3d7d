"""The lease: one service at a time on one address.

    lease/000007.json   who holds the address, and a count that grows while it lives

Whoever takes the address over creates the next number, which one alone can do; the highest number
holds. Nobody's clock is compared with another's: a holder whose count stands still for as long as
it promised to renew is gone. The lease spares two services each other's work; that no round is lost
or written twice does not depend on it, as a round's manifest can be created but once.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec

from millstream.durable import read_as, write_json
from millstream.errors import BusyError, ObjectStoreError
from millstream.every import every
from millstream.remote.objects import ObjectStore

__all__ = ["Lease", "holding"]

log = logging.getLogger("millstream")

KEY = re.compile(r"lease/([0-9]{6,})\.json").fullmatch
PER_LEASE = 4
"""How often a holder renews its lease within the time after which it is thought gone."""


@dataclass(frozen=True)
class Holder:
    """What a lease says.

    Attributes:
        owner: of this start of a service.
        folder: of the local folder that it works in; one service at a time has that.
        seconds: after which without a renewal the holder is gone.
        count: of renewals.
        released: whether it ended and needs the address no more.
    """

    owner: str
    folder: str
    host: str
    pid: int
    seconds: float
    count: int = 0
    released: bool = False

    def encode(self) -> bytes:
        """The content of the object."""
        return msgspec.json.encode(asdict(self))


class Lease:
    """That of this process, once `holding` has it."""

    def __init__(self, objects: ObjectStore, holder: Holder) -> None:
        self._objects, self._holder = objects, holder
        self._number = 0
        self._lost: str | None = None

    def take(self, stop: threading.Event | None = None) -> bool:
        """Take the address, at once if nobody has it; else watch whether its holder still lives.

        Returns:
            Whether it is taken; False if `stop` was set before, and nothing is left there.

        Raises:
            BusyError: its holder lives.
            ObjectStoreError: the store is away or refuses, or does not keep to `create`.
        """
        stop = stop or threading.Event()
        while True:
            if stop.is_set():
                return False
            number, found = self._newest()
            if found is not None and not self._is_free(number, found, stop):
                continue
            if self._objects.create(_key(number + 1), self._holder.encode()):
                break
        self._number = number + 1
        check_creates(self._objects, self._number)
        if number > 1:  # the one before stays, for those who look at it now
            self._objects.remove(_key(number - 1))
        return True

    def renew(self) -> None:
        """Say that this process lives, and learn whether another has taken over."""
        try:
            self.confirm()
            self._holder = replace(self._holder, count=self._holder.count + 1)
            self._objects.write(_key(self._number), self._holder.encode())
        except (BusyError, ObjectStoreError) as error:
            log.debug("the lease is not renewed: %s", error)

    def confirm(self) -> None:
        """Ask the store whether this process still holds the address.

        Raises:
            BusyError: another has taken it.
            ObjectStoreError: the store is away.
        """
        self.check()
        numbers = self._numbers()
        if numbers and numbers[-1] > self._number:
            _, found = self._newest()
            self._lost = _who(found) if found else "another service"
        self.check()

    def check(self) -> None:
        """As `confirm`, but from what is known.

        Raises:
            BusyError: another has taken it.
        """
        if self._lost is not None:
            raise BusyError(
                f"{self._objects.address}: was taken over by {self._lost}, as this process had not"
                f" renewed its lease for {self._holder.seconds:g} s; stop one of the two"
            )

    def release(self) -> None:
        """Say that the address is free."""
        if self._lost is None:
            self._holder = replace(self._holder, released=True)
            self._objects.write(_key(self._number), self._holder.encode())

    def _is_free(self, number: int, found: Holder, stop: threading.Event) -> bool:
        """Whether its holder needs it no more; watches it until that is known, or `stop` is set.

        Raises:
            BusyError: the holder lives.
        """
        if found.released or found.folder == self._holder.folder:
            return True
        log.info(
            "%s is held by %s; if it is gone, this service begins in %g s",
            *(self._objects.address, _who(found), found.seconds),
        )
        until = time.monotonic() + found.seconds
        while time.monotonic() < until:
            if stop.wait(found.seconds / PER_LEASE / 2):
                return False
            now, seen = self._newest()
            if seen is None or now != number or seen.released:
                return False
            if seen.count != found.count:
                raise BusyError(
                    f"{self._objects.address}: held by {_who(found)}, which is alive; stop it, and"
                    " this one can begin, or choose another prefix"
                )
        return True

    def _newest(self) -> tuple[int, Holder | None]:
        """The highest number, and what it says; 0 and None if there is none."""
        numbers = self._numbers()
        if not numbers:
            return 0, None
        content = self._objects.read(_key(numbers[-1]))
        try:
            return numbers[-1], msgspec.json.decode(content, type=Holder)
        except msgspec.MsgspecError as error:
            raise ObjectStoreError(
                f"{self._objects.address}: expected a lease in {_key(numbers[-1])}, got: {error};"
                " if no service uses this address, remove that object"
            ) from error

    def _numbers(self) -> list[int]:
        """Those of all leases that there are, sorted; other objects are none."""
        return sorted(int(found[1]) for key in self._objects.sizes("lease") if (found := KEY(key)))


@contextmanager
def holding(
    objects: ObjectStore, state_dir: Path, seconds: float, stop: threading.Event | None = None
) -> Iterator[Lease | None]:
    """Hold an address while the body runs; None if it was not to be had before `stop` was set.

    Args:
        objects: of the address.
        state_dir: the local folder, which this process holds (see `state_lock`).
        seconds: after which without a renewal others may take it.
        stop: ends the wait for a holder that may be gone.

    Raises:
        BusyError: another service holds it; says which.
        ObjectStoreError: the store is away, or refuses.
    """
    folder = folder_id(state_dir)
    lease = Lease(
        objects, Holder(uuid.uuid4().hex, folder, socket.gethostname(), os.getpid(), seconds)
    )
    if not lease.take(stop):
        yield None
        return
    try:
        with every(seconds / PER_LEASE, lease.renew, "millstream-lease"):
            yield lease
    finally:
        try:
            lease.release()
        except ObjectStoreError as error:
            log.warning("the lease runs out by itself: %s", error)


def folder_id(state_dir: Path) -> str:
    """What names a local folder; made at its first use."""
    path = state_dir / "folder.json"
    known = read_as(path, dict[str, str])
    if known is None or "folder" not in known:
        known = {"folder": uuid.uuid4().hex}
        write_json(path, known)
    return known["folder"]


def check_creates(objects: ObjectStore, number: int) -> None:
    """Check that the store refuses to create what is there: all else is built on that.

    Raises:
        ObjectStoreError: it does not.
    """
    if objects.create(_key(number), b"{}"):
        raise ObjectStoreError(
            f"{objects.address}: expected a store that refuses to create an object that is there"
            " (If-None-Match), got one that replaces it; use one that knows conditional writes"
        )


def _key(number: int) -> str:
    return f"lease/{number:06d}.json"


def _who(holder: Holder) -> str:
    return f"process {holder.pid} of host {holder.host}"
