"""kafka-python's errors, told for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from kafka import errors

from ingest.errors import CorruptBatchError, SourceError
from ingest.kafka.knock import why_no_answer

__all__ = ["lasting", "translated"]


NO_ANSWER = (errors.KafkaTimeoutError, errors.RequestTimedOutError, errors.KafkaConnectionError)


@contextmanager
def translated(what: str, options: Mapping[str, object]) -> Iterator[None]:
    """Turn a Kafka error into a SourceError that says what was tried, where, and what to change.

    Raises:
        SourceError: instead of any error of kafka-python's.
    """
    servers = options.get("bootstrap_servers")
    try:
        yield
    except NO_ANSWER as e:
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


def lasting(error: Exception, place: str, columnar: bool) -> SourceError | None:
    """What a reader fails with from now on because of an error; None if that may pass.

    Args:
        error: what `poll` failed with.
        place: where kafka-python was in the records.
        columnar: whether it leaves the bytes of most records alone.
    """
    if isinstance(error, errors.LogTruncationError):
        return _truncated(error)
    if columnar or isinstance(error, errors.KafkaError):
        damaged = isinstance(error, (errors.CorruptRecordError, errors.UnsupportedCodecError))
        return _unreadable(str(error), place) if damaged else None
    # Codecs have errors of their own, and damaged headers lead to many more.
    return _unreadable(f"{type(error).__name__}: {error}", place)


def _unreadable(why: str, place: str) -> SourceError:
    return CorruptBatchError(
        f"{place}: {why}; if opening the source anew does not help, repair the partition from a"
        " replica, or go on from an offset behind the batch"
    )


def _truncated(error: errors.LogTruncationError) -> SourceError:
    """A new leader lacks records that the one before has given."""
    places = ", ".join(
        f"{tp.topic}[{tp.partition}]{'' if end is None else f' from offset {end.offset} on'}"
        for tp, end in sorted(error.divergent_offsets.items())
    )
    return SourceError(
        f"{places}: the broker has lost records that were read, and may have others at their"
        " offsets; open the source anew at an offset of your choice, or use another"
        " service.state_dir to begin again"
    )
