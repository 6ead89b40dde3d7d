"""kafka-python's errors, told for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from kafka import errors

from ingest.errors import SourceError

__all__ = ["translated"]


@contextmanager
def translated(what: str, options: Mapping[str, object]) -> Iterator[None]:
    """Turn a Kafka error into a SourceError that says what was tried, where, and what to change.

    Raises:
        SourceError: instead of any error of kafka-python's.
    """
    servers = options.get("bootstrap_servers")
    try:
        yield
    except (errors.KafkaTimeoutError, errors.KafkaConnectionError) as e:
        raise SourceError(
            f"{what}: no answer from the broker at {servers}; is it running, and is"
            " kafka.bootstrap_servers right?"
        ) from e
    except (errors.AuthorizationError, errors.SaslAuthenticationFailedError) as e:
        raise SourceError(
            f"{what}: the broker at {servers} refused: {e}; check kafka.options and the access"
            " rules of topic and group"
        ) from e
    except errors.KafkaConfigurationError as e:
        raise SourceError(f"{what}: kafka.options: {e}") from e
    except errors.KafkaError as e:
        raise SourceError(f"{what}: {type(e).__name__} from the broker at {servers}: {e}") from e
    except AssertionError as e:
        raise SourceError(f"{what}: kafka.options: {e}") from e
