"""Asking a schema registry over HTTP: time-outs, tries, a bound on answers, no secret in errors."""

from __future__ import annotations

import base64
import json
import random
import re
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ingest.errors import SchemaRegistryError, SettingsError
from ingest.in_time import in_time
from ingest.redaction import public_uri

if TYPE_CHECKING:
    import requests

__all__ = ["RegistryConnection", "RegistrySettings"]

LARGEST = 8 << 20
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"
UNKNOWN_CODES = range(40400, 40500)
VERSION = re.compile(r"[0-9]{1,10}")
AGAIN = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class RegistrySettings:
    """Where a registry is and how to speak with it.

    Attributes:
        url: http or https, without user and password.
        auth: `user:password` for basic authentication, or None; never shown.
        ca: a file of the certificates that are trusted in place of the system's.
        subject: to look ids up under, for registries with contexts (":.context:"); mostly None.
        timeout_s: of one request as a whole, in seconds.
        tries: of a request that fails for a reason that may pass, with growing pauses.

    Raises:
        SettingsError: one of them is outside its range.
    """

    url: str
    auth: str | None = None
    ca: Path | None = None
    subject: str | None = None
    timeout_s: float = 10.0
    tries: int = 4

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fine = False
        if not fine:
            raise SettingsError(
                "schema_registry.url: expected an address such as https://registry:8081,"
                f" got {public_uri(self.url)!r}"
            )
        if parts.username is not None or parts.password is not None:
            raise SettingsError(
                "schema_registry.url: expected no user and password in it; give them as"
                " schema_registry.auth"
            )
        if self.auth is not None and ":" not in self.auth:
            raise SettingsError("schema_registry.auth: expected user:password, got no colon")
        if self.ca is not None and not Path(self.ca).is_file():
            raise SettingsError(f"schema_registry.ca: there is no file {self.ca}")
        if not 0 < self.timeout_s <= 600 or not 1 <= self.tries <= 20:
            raise SettingsError("schema_registry: expected a timeout to 600 s and 1 to 20 tries")

    def __repr__(self) -> str:
        auth = None if self.auth is None else "***"
        return f"RegistrySettings(url={self.url!r}, auth={auth!r}, ca={self.ca!r})"


class RegistryConnection:
    """The connections to one registry. Not safe for threads.

    Args:
        settings: where the registry is.
    """

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._session: requests.Session | None = None

    def close(self) -> None:
        """Close the connections; twice is as good as once."""
        if self._session is not None:
            self._session.close()
        self._session = None

    def get(self, place: str, query: dict[str, str]) -> dict[str, Any] | None:
        """Ask for a schema; again, after a pause, when the reason for a failure may pass.

        Args:
            place: path below the registry's address.
            query: parameters of the query.

        Returns:
            The answer: a JSON object that holds a schema. None when the registry has none there.

        Raises:
            SchemaRegistryError: the registry cannot be reached, or answers something else.
        """
        pause, last = FIRST_PAUSE_S, ""
        for attempt in range(self._settings.tries):
            if attempt:
                time.sleep(pause * (0.5 + random.random() / 2))  # noqa: S311 - touches no record
                pause = min(2 * pause, LONGEST_PAUSE_S)
            answer = self._try(place, query)
            if not isinstance(answer, str) and answer[0] not in AGAIN:
                return self._answer(place, *answer)
            last = answer if isinstance(answer, str) else f"it answered {answer[0]}"
        raise self.error(f"{self._settings.tries} tries failed, the last: {last}")

    def _try(self, place: str, query: dict[str, str]) -> tuple[int, bytes] | str:
        """Status and body of an answer, or why there is none, if the reason may pass."""
        import requests
        import urllib3

        try:
            # The time-outs of requests are of a single read of the socket, and a name's
            # resolution has none; a server that sends its header byte by byte would take any time.
            request = partial(self._request, self._opened(), place, query)
            return in_time(request, self._settings.timeout_s)
        except TimeoutError:
            self._session = None  # the request that takes too long still has it
            return f"no whole answer within {self._settings.timeout_s:g} s"
        except requests.exceptions.SSLError as error:
            raise self.error(f"TLS failed: {_plain(error)}", "check ca") from error
        except (
            requests.ConnectionError,
            requests.Timeout,
            urllib3.exceptions.HTTPError,
        ) as error:
            return _plain(error)
        except requests.RequestException as error:
            raise self.error(_plain(error)) from error

    def _request(
        self, session: requests.Session, place: str, query: dict[str, str]
    ) -> tuple[int, bytes]:
        settings = self._settings
        headers = {"Accept": ACCEPT, "Accept-Encoding": "identity"}
        if settings.auth is not None:
            token = base64.b64encode(settings.auth.encode()).decode()
            headers["Authorization"] = f"Basic {token}"
        deadline = time.monotonic() + settings.timeout_s
        with session.get(
            settings.url.rstrip("/") + place,
            params=query,
            headers=headers,
            auth=_keep_headers,
            timeout=settings.timeout_s,
            verify=True if settings.ca is None else str(settings.ca),
            allow_redirects=False,
            stream=True,
        ) as response:
            body = b""
            while part := response.raw.read1(1 << 16, decode_content=False):
                body += part
                if len(body) > LARGEST:
                    raise self.error(f"it answered with more than {LARGEST} bytes")
                if time.monotonic() > deadline:
                    break  # nobody waits for it any more
            return response.status_code, body

    def _opened(self) -> requests.Session:
        import requests

        if self._session is None:
            self._session = requests.Session()
        return self._session

    def _answer(self, place: str, status: int, body: bytes) -> dict[str, Any] | None:
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            found = {}
        if status == 200 and _is_schema(found):
            return found
        if status == 404 and found.get("error_code") in UNKNOWN_CODES:
            return None
        if status in (401, 403):
            raise self.error(f"it answered {status}", "check auth")
        if status == 501:
            raise self.error("it does not write schemas in that form", "give format.descriptor")
        what = f"it answered {status} to GET {place}, without a schema"
        raise self.error(what)

    def error(self, what: str, mend: str = "check that it runs, and url") -> SchemaRegistryError:
        """What is wrong with the registry, for people: its address, what happened, the mend."""
        return SchemaRegistryError(
            f"schema registry {self._settings.url}: {what}; {mend} (format.schema_registry)"
        )


def _is_schema(found: dict[str, Any]) -> bool:
    """Whether an answer has the form that the interface promises."""
    references = found.get("references") or []
    return isinstance(found.get("schema"), str) and all(
        isinstance(one, dict)
        and {"name", "subject", "version"} <= one.keys()
        and VERSION.fullmatch(str(one["version"]))
        for one in (references if isinstance(references, list) else [None])
    )


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authentication by the headers as they are: without this, a .netrc would replace them."""
    return request


def _plain(error: Exception) -> str:
    """The innermost reason of an error of requests, which nests them."""
    inner: BaseException = error
    while True:
        deeper = inner.__cause__ or inner.__context__
        reason = getattr(inner, "reason", None)
        if isinstance(reason, BaseException):
            deeper = reason
        elif inner.args and isinstance(inner.args[0], BaseException):
            deeper = inner.args[0]
        if deeper is None or deeper is inner:
            return str(inner)[:200]
        inner = deeper
