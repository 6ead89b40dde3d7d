"""The clients that speak to object stores: s3fs and gcsfs, both behind fsspec's one interface."""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from typing import Any

from millstream.errors import ConfigError
from millstream.remote.address import EXTRAS

__all__ = ["Driver", "open_driver"]

CONNECT_S, ANSWER_S = 5, 30
TRIES = 2


@dataclass(frozen=True)
class Driver:
    """A client.

    Attributes:
        files: fsspec's file system.
        failures: what it raises when the store is away, refuses, or is asked without credentials.
        credentials: those of them that are about credentials.
        mend: where the credentials come from, for people.
        reach: what to look at if the store does not answer, for people.
    """

    files: Any
    failures: tuple[type[Exception], ...]
    credentials: tuple[type[Exception], ...]
    mend: str
    reach: str


def open_driver(scheme: str) -> Driver:
    """The client of an address's scheme; nothing is asked yet.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return _OPEN[scheme]()
    except ImportError as error:
        raise ConfigError(
            f'service.state_dir: "{scheme}://" needs what is not installed ({error.name});'
            f" pip install 'millstream[{EXTRAS[scheme]}]'"
        ) from error


def _open_s3() -> Driver:
    s3fs, botocore = importlib.import_module("s3fs"), importlib.import_module("botocore.exceptions")
    parsers = importlib.import_module("botocore.parsers")
    aiohttp = importlib.import_module("aiohttp")
    files = s3fs.S3FileSystem(
        use_listings_cache=False,
        skip_instance_cache=True,
        max_concurrency=1,  # else files of over 50 MB are in memory in ten parts of that, each
        config_kwargs={
            "connect_timeout": CONNECT_S,
            "read_timeout": ANSWER_S,
            "retries": {"mode": "standard", "total_max_attempts": TRIES},
        },
    )
    files.retries = TRIES
    return Driver(
        files,
        (
            OSError,
            botocore.BotoCoreError,
            botocore.ClientError,
            parsers.ResponseParserError,  # of what is no answer of S3: a proxy's page
            aiohttp.ClientError,
        ),
        (
            botocore.NoCredentialsError,
            botocore.PartialCredentialsError,
            botocore.CredentialRetrievalError,
            botocore.TokenRetrievalError,
        ),
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile (AWS_PROFILE) or a role",
        "see that it can be reached (AWS_ENDPOINT_URL names an S3-compatible store)",
    )


def _open_gs() -> Driver:
    gcsfs, retry = importlib.import_module("gcsfs.core"), importlib.import_module("gcsfs.retry")
    google = importlib.import_module("google.auth.exceptions")
    aiohttp, requests = importlib.import_module("aiohttp"), importlib.import_module("requests")
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # its errors are told by whoever asked
    files = gcsfs.GCSFileSystem(
        token=None,
        use_listings_cache=False,
        skip_instance_cache=True,
        consistency="md5",
        requests_timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_S, sock_read=ANSWER_S),
    )
    return Driver(
        files,
        (
            OSError,
            retry.HttpError,
            retry.ChecksumError,
            ValueError,  # gcsfs's for some answers of status 400
            google.GoogleAuthError,
            aiohttp.ClientError,
            requests.RequestException,
        ),
        (google.GoogleAuthError,),
        "set GOOGLE_APPLICATION_CREDENTIALS, or run as a service account",
        "see that storage.googleapis.com can be reached",
    )


_OPEN = {"s3": _open_s3, "gs": _open_gs}
