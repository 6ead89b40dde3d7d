"""kafka-python's errors, told for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from kafka import errors

from ingest.errors import SourceError
from ingest.kafka.knock import why_no_answer

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
        raise SourceError(f"{what}: {why_no_answer(options)}") from e
    except errors.SaslAuthenticationFailedError as e:
        raise SourceError(
            f"{what}: the broker at {servers} refuses the user; check"
            " kafka.options.sasl_plain_username and sasl_plain_password"
        ) from e
    except errors.AuthorizationError as e:
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
