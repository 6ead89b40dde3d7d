"""How a broker is entered: TLS and SASL options, checked before anything is connected."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from kafka.net.sasl import SASL_MECHANISMS

from ingest.errors import SourceError

__all__ = ["check_access", "tls_context", "uses_sasl", "uses_tls"]

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
WITH_PASSWORD = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
FILES = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile")


def uses_tls(options: Mapping[str, object]) -> bool:
    """Whether the connections are encrypted."""
    return options.get("security_protocol") in ("SSL", "SASL_SSL")


def uses_sasl(options: Mapping[str, object]) -> bool:
    """Whether the connections begin with a proof of who we are."""
    return options.get("security_protocol") in ("SASL_PLAINTEXT", "SASL_SSL")


def check_access(options: Mapping[str, object]) -> None:
    """Refuse options of TLS and SASL that cannot work with any broker.

    kafka-python would try them again and again, and tell that no broker answers.

    Raises:
        SourceError: names the option, and never the value of a secret.
    """
    protocol = options.get("security_protocol", "PLAINTEXT")
    if protocol not in PROTOCOLS:
        raise SourceError(
            f"kafka.options.security_protocol: expected {', '.join(PROTOCOLS)}; got {protocol!r}"
        )
    if uses_sasl(options):
        mechanism = options.get("sasl_mechanism")
        if mechanism not in SASL_MECHANISMS:
            known = ", ".join(sorted(SASL_MECHANISMS))
            raise SourceError(f"kafka.options.sasl_mechanism: expected {known}; got {mechanism!r}")
        for name in ("sasl_plain_username", "sasl_plain_password"):
            value = options.get(name)
            if mechanism in WITH_PASSWORD and not (isinstance(value, str) and value):
                raise SourceError(f"kafka.options.{name}: missing, and {mechanism} needs it")


def tls_context(options: Mapping[str, object]) -> ssl.SSLContext:
    """The options for TLS as a context, which kafka-python is given instead of them.

    kafka-python 3.0.12 knows `ssl_crlfile` and `ssl_ciphers`, but fails with the first and leaves
    out the second.

    Raises:
        SourceError: a file cannot be read, or is not what it should be.
    """
    given = options.get("ssl_context")
    if isinstance(given, ssl.SSLContext):
        return given
    files = {name: _readable(name, options.get(name)) for name in FILES}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = bool(options.get("ssl_check_hostname", True))
    if files["ssl_cafile"] is None:
        context.load_default_certs()
    for name in ("ssl_cafile", "ssl_crlfile"):
        _load_trusted(context, name, files[name])
    if files["ssl_crlfile"] is not None:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    if options.get("ssl_ciphers"):
        _choose_ciphers(context, str(options["ssl_ciphers"]))
    if files["ssl_certfile"] is not None:
        _load_own(context, files["ssl_certfile"], files["ssl_keyfile"], options)
    return context


def _readable(name: str, path: object) -> str | None:
    if path is None:
        return None
    try:
        Path(str(path)).open("rb").close()
    except OSError as error:
        raise SourceError(
            f"kafka.options.{name}: {path} cannot be read: {error.strerror}"
        ) from error
    return str(path)


def _load_trusted(context: ssl.SSLContext, name: str, path: str | None) -> None:
    if path is None:
        return
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise SourceError(
            f"kafka.options.{name}: {path} has no certificate or list in PEM ({error.reason})"
        ) from error


def _choose_ciphers(context: ssl.SSLContext, ciphers: str) -> None:
    try:
        context.set_ciphers(ciphers)
    except ssl.SSLError as error:
        raise SourceError(f"kafka.options.ssl_ciphers: {ciphers} names no cipher") from error


def _load_own(
    context: ssl.SSLContext, certificate: str, key: str | None, options: Mapping[str, object]
) -> None:
    password = options.get("ssl_password")
    try:
        # A function, as OpenSSL would ask the terminal if there were none.
        context.load_cert_chain(certificate, key, lambda: str(password or ""))
    except ssl.SSLError as error:
        mend = (
            "the key is of another certificate"
            if error.reason == "KEY_VALUES_MISMATCH"
            else "check kafka.options.ssl_password, and that both are in PEM"
        )
        raise SourceError(
            f"kafka.options.ssl_certfile, ssl_keyfile: {certificate} and {key or 'the key in it'}"
            f" cannot be used{f' ({error.reason})' if error.reason else ''}; {mend}"
        ) from error
