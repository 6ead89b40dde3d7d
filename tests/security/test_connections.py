"""Reading, dead letters and commits over TLS, certificates and passwords, against a real broker."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic

from ingest import BadRecord, GroupCommitter, KafkaDeadLetters, KafkaSource, RecordBatch
from ingest.checks import check_source
from ingest.errors import SourceError
from ingest.kafka.client import open_client
from tests.security.certificates import Authority
from tests.security.conftest import LISTENERS, SECRETS, Secured

WAYS = LISTENERS[1:]
QUICK = {"bootstrap_timeout_ms": 1_500}


@pytest.fixture
def topic(secured: Secured) -> str:
    """A topic of two partitions with 60 records, written without a password."""
    name = f"secured-{uuid.uuid4().hex[:8]}"
    plain = secured.options("PLAIN")
    admin = open_client(KafkaAdminClient, plain, {})
    try:
        admin.create_topics([NewTopic(name, 2, 1), NewTopic(f"{name}.dead-letters", 1, 1)])
    finally:
        admin.close()
    producer = open_client(KafkaProducer, plain, {})
    try:
        for number in range(60):
            producer.send(name, b"value %d" % number, b"key", partition=number % 2)
        producer.flush()
    finally:
        producer.close()
    return name


@pytest.mark.parametrize("way", WAYS)
def test_a_source_reads(way: str, secured: Secured, topic: str) -> None:
    options = secured.options(way)
    check_source(lambda at: KafkaSource([topic], options, at or "earliest"), 60)


@pytest.mark.parametrize("way", WAYS)
def test_dead_letters_and_commits_are_written(way: str, secured: Secured, topic: str) -> None:
    options, group = secured.options(way), f"group-{topic}"
    letters = KafkaDeadLetters(options)
    try:
        batch = RecordBatch.of(topic, 0, [7], [b"bad"])
        letters.send(batch, [BadRecord(0, "it is bad", "malformed")])
        letters.flush()
    finally:
        letters.close()
    source = KafkaSource([topic], options)
    committer = GroupCommitter(options, group)
    try:
        end = source.end()
        committer.commit(end)
    finally:
        committer.close()
        source.close()
    admin = open_client(KafkaAdminClient, options, {})
    try:
        committed = admin.list_group_offsets([group])[group]
    finally:
        admin.close()
    assert {(tp.topic, tp.partition, at.offset) for tp, at in committed.items()} == set(end.items())
    reader = KafkaConsumer(
        f"{topic}.dead-letters", **options, auto_offset_reset="earliest", consumer_timeout_ms=5000
    )
    try:
        assert next(reader).value == b"bad"
    finally:
        reader.close()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that the broker knows nothing of, and that signed nothing of it."""
    return Authority(tmp_path_factory.mktemp("stranger"), "another authority")


def without(options: dict[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in options.items() if name not in names}


OWN = ("ssl_certfile", "ssl_keyfile", "ssl_password")
REFUSED = "it refuses user 'alice'; check kafka.options.sasl_plain_username and sasl_plain"
UNTRUSTED = "its certificate is not signed by an authority that we trust"
PROTOCOL = "kafka.options.security_protocol"
Make = Callable[[Secured, Authority], dict[str, object]]
WRONG: dict[str, tuple[Make, str]] = {
    "wrong password, PLAIN": (
        lambda to, _: {**to.options("SASL"), "sasl_plain_password": "nope"},
        REFUSED,
    ),
    "wrong password, SCRAM": (
        lambda to, _: {**to.options("SCRAM"), "sasl_plain_password": "nope"},
        REFUSED,
    ),
    "host name": (
        lambda to, _: {
            **to.options("TLS"),
            "bootstrap_servers": to.address("TLS", "localhost"),
        },
        "its certificate is not for localhost; name it in kafka.bootstrap_servers",
    ),
    "another authority": (
        lambda to, other: {**to.options("TLS"), "ssl_cafile": str(other.file)},
        UNTRUSTED,
    ),
    "no authority": (lambda to, _: without(to.options("TLS"), "ssl_cafile"), UNTRUSTED),
    "revoked": (
        lambda to, _: {
            **to.options("TLS"),
            "ssl_crlfile": str(to.authority.revoke(to.broker_file)),
        },
        "its certificate is not valid now (certificate revoked)",
    ),
    "no certificate of ours": (
        lambda to, _: without(to.options("MUTUAL"), *OWN),
        "it wants our certificate",
    ),
    "TLS to a plain port": (
        lambda to, _: {**to.options("TLS"), "bootstrap_servers": to.address("PLAIN")},
        "no TLS on this port; correct kafka.bootstrap_servers or",
    ),
    "plain to a TLS port": (
        lambda to, _: {"bootstrap_servers": to.address("TLS")},
        f"it wants TLS: set {PROTOCOL}",
    ),
    "no user": (
        lambda to, _: {"bootstrap_servers": to.address("SASL")},
        f"it wants a user or a certificate: set {PROTOCOL}",
    ),
    "no user over TLS": (
        lambda to, _: {**to.options("TLS"), "bootstrap_servers": to.address("SCRAM")},
        f"it wants a user or a certificate: set {PROTOCOL}",
    ),
    "a user that nobody asks for": (
        lambda to, _: {**to.options("SASL"), "bootstrap_servers": to.address("PLAIN")},
        f"it takes no user here; set {PROTOCOL} without SASL",
    ),
    "another mechanism": (
        lambda to, _: {**to.options("SASL"), "sasl_mechanism": "SCRAM-SHA-512"},
        "it does not take SCRAM-SHA-512; set kafka.options.sasl_mechanism: PLAIN",
    ),
}


# kafka-python leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_line(name: str, secured: Secured, stranger: Authority) -> None:
    make, expected = WRONG[name]
    with pytest.raises(SourceError) as caught:
        KafkaSource(["any"], {**make(secured, stranger), **QUICK})
    check_message(caught.value, expected)


def check_message(error: BaseException, expected: str) -> None:
    assert expected in str(error)
    assert len(str(error).splitlines()) == 1
    told: BaseException | None = error
    while told is not None:
        assert not any(secret in f"{told!r} {told}" for secret in (*SECRETS, "nope"))
        told = told.__cause__ or told.__context__


def test_what_cannot_work_is_told_at_once(secured: Secured, tmp_path: Path) -> None:
    tls, mutual = secured.options("TLS"), secured.options("MUTUAL")
    sasl = secured.options("SASL")
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    other = secured.authority.issue("other")
    wrong = {
        "ssl_cafile: /none/ca.pem cannot be read: No such": {**tls, "ssl_cafile": "/none/ca.pem"},
        f"ssl_cafile: {empty} has no certificate": {**tls, "ssl_cafile": str(empty)},
        "check kafka.options.ssl_password": {**mutual, "ssl_password": "nope"},
        "kafka.options.ssl_password, and": without(mutual, "ssl_password"),
        "the key is of another certificate": {**mutual, "ssl_certfile": str(other)},
        "sasl_mechanism: expected AWS_MSK_IAM,": {**sasl, "sasl_mechanism": "PLAN"},
        "sasl_mechanism: expected ": without(sasl, "sasl_mechanism"),
        "sasl_plain_username: missing, and PLAIN": without(sasl, "sasl_plain_username"),
        "sasl_plain_password: missing, and PLAIN": {**sasl, "sasl_plain_password": ""},
        "security_protocol: expected PLAINTEXT, SSL": {**sasl, "security_protocol": "SASL"},
    }
    for expected, options in wrong.items():
        with pytest.raises(SourceError) as caught:
            KafkaSource(["any"], options)
        check_message(caught.value, expected)
