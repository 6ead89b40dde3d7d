"""What is asked of every request before anything answers it, and what every answer forbids.

A page on 127.0.0.1 can be reached by any other page that its viewer has open. So a name that an
attacker lets point here is refused (DNS rebinding), and so is what another origin sends.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["POLICY", "Guard", "refusal"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing from elsewhere, nothing inline, and no text that becomes markup or code."""
HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Wraps an application; foreign requests do not reach it.

    Args:
        app: answers what passes.
        hosts: names by which the page may be reached, beside localhost and plain addresses.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                given.update(HEADERS)
                given.setdefault("Cache-Control", "no-cache" if "etag" in given else "no-store")
            await send(message)

        why = refusal(Headers(scope=scope), self._hosts)
        if scope["type"] != "http":
            why = why or "only HTTP is spoken here"
        answer = self._app if why is None else PlainTextResponse(why + "\n", 403)
        await answer(scope, receive, send_with_headers)


def refusal(headers: Headers, hosts: Collection[str]) -> str | None:
    """Why a request is not answered; None if it is.

    Args:
        headers: of the request.
        hosts: names that are known, in small letters.
    """
    given = headers.getlist("host")
    if len(given) != 1:
        return "expected one Host header"
    if not is_known(given[0], hosts):
        return (
            "the page does not know the host name that it was asked by; reach it as localhost or by"
            " its address, or add the name to page.allowed_hosts"
        )
    origin = headers.get("origin")
    if origin is not None and not is_same(origin, given[0]):
        return "the page answers no requests from other pages"
    return None


def is_same(origin: str, host: str) -> bool:
    """Whether an Origin header is of the page at a Host header."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:  # brackets that are no address
        return False


def is_known(host: str, hosts: Collection[str]) -> bool:
    """Whether a Host header is one of ours; no attacker's name is a plain address."""
    found = HOST.fullmatch(host.lower())
    if found is None:
        return False
    name = found[1]
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name == "localhost" or name in hosts
    return True
