"""The objects below one address: written whole, or created where there is none yet."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ingest.redaction import public_uri
from millstream.errors import ObjectStoreError
from millstream.remote.driver import Driver, open_driver

__all__ = ["ObjectStore"]

FULL = (errno.ENOSPC, errno.EDQUOT)


class ObjectStore:
    """The objects of one state; keys are relative to its address. Threads may share it.

    Guarantee: an object is there whole or not at all. Of all that `create` one key, one succeeds.

    Args:
        address: `s3://bucket/prefix` or `gs://bucket/prefix`.

    Raises:
        ConfigError: the client is not installed.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        scheme, _, self._root = address.partition("://")
        self._driver: Driver = open_driver(scheme)
        self._files = self._driver.files

    def sizes(self, prefix: str) -> dict[str, int]:
        """The objects whose keys begin with `prefix/`, and their bytes.

        Raises:
            ObjectStoreError: as in all methods: the store is away, or refuses.
        """
        with self._asking("list", prefix):
            found = self._files.find(f"{self._root}/{prefix}", detail=True)
        begin = len(self._root) + 1
        return {name[begin:]: int(info["size"]) for name, info in found.items()}

    def read(self, key: str) -> bytes:
        """The content of an object."""
        with self._asking("read", key):
            return bytes(self._files.cat_file(f"{self._root}/{key}"))

    def write(self, key: str, content: bytes) -> None:
        """Write an object; one that is there is replaced."""
        with self._asking("write", key):
            self._files.pipe_file(f"{self._root}/{key}", content)

    def create(self, key: str, content: bytes) -> bool:
        """Write an object if there is none of this key; whether it has this content now.

        An answer that was lost is no riddle: what is there is looked at.
        """
        try:
            self._files.pipe_file(f"{self._root}/{key}", content, mode="create")
        except self._driver.failures as error:
            try:
                return self.read(key) == content
            except ObjectStoreError:
                with self._asking("write", key):
                    raise error from None
        return True

    def upload(self, path: Path, key: str) -> None:
        """Write an object from a file; one that is there is replaced."""
        with self._asking("write", key):
            self._files.put_file(str(path), f"{self._root}/{key}")

    def download(self, key: str, path: Path) -> None:
        """Write a file from an object; it is not durable yet."""
        with self._asking("read", key):
            self._files.get_file(f"{self._root}/{key}", str(path))

    def remove(self, key: str) -> None:
        """Remove an object, if it is there."""
        with self._asking("remove", key), suppress(FileNotFoundError):
            self._files.rm_file(f"{self._root}/{key}")

    @contextmanager
    def _asking(self, what: str, key: str) -> Iterator[None]:
        """Tell in words for people what the store did not do."""
        try:
            yield
        except self._driver.failures as error:
            told = str(error).strip().splitlines()[:1]
            raise ObjectStoreError(
                f"{self.address}: cannot {what} {key or 'it'}:"
                f" {public_uri(told[0]) if told else type(error).__name__}; {self._mend(error)}"
            ) from error

    def _mend(self, error: Exception) -> str:
        if isinstance(error, OSError) and error.errno in FULL:
            return "this machine's disk is full; make room for service.local_dir"
        if isinstance(error, self._driver.credentials):
            return self._driver.mend
        if isinstance(error, PermissionError):
            return (
                "its credentials must allow to list, read, write and delete below this address;"
                f" {self._driver.mend}"
            )
        if isinstance(error, FileNotFoundError):
            return "create the bucket, or correct service.state_dir"
        return self._driver.reach
