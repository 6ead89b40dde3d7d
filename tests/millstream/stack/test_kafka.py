"""The embedded broker: a real one, that keeps its data and ends with us."""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import closing

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer

from millstream.errors import StackError
from millstream.stack import kafka as stack_kafka
from millstream.stack.kafka import EmbeddedKafka

OWNER = """
import sys, time
from pathlib import Path
from millstream.stack.kafka import EmbeddedKafka

broker = EmbeddedKafka(Path(sys.argv[1]))
broker.start()
print(broker.bootstrap_servers, broker.pid, broker.keeper_pid, flush=True)
time.sleep(600)
"""


def send(broker: str, topic: str, *values: bytes, timestamp_ms: int | None = None) -> None:
    with closing(KafkaProducer(bootstrap_servers=broker, acks="all")) as producer:
        for value in values:
            producer.send(topic, value, timestamp_ms=timestamp_ms).get(30)


def read(broker: str, topic: str, count: int) -> list[bytes]:
    options = {"auto_offset_reset": "earliest", "consumer_timeout_ms": 30_000}
    with closing(KafkaConsumer(topic, bootstrap_servers=broker, **options)) as consumer:
        return [next(consumer).value for _ in range(count)]


def test_records_go_through(kafka, topic):
    kafka.create_topic(topic, partitions=1)
    send(kafka.bootstrap_servers, topic, b"one", b"two")
    assert read(kafka.bootstrap_servers, topic, 2) == [b"one", b"two"]
    with pytest.raises(StackError, match=f"topic {topic} could not be created"):
        kafka.create_topic(topic, partitions=1)


def test_a_restart_keeps_records_cluster_and_ports(tmp_path):
    broker = EmbeddedKafka(tmp_path / "a folder, with a comma")
    with pytest.raises(StackError, match="has not been started"):
        _ = broker.bootstrap_servers
    with broker:
        first = (broker.cluster_id, broker.bootstrap_servers)
        send(broker.bootstrap_servers, "kept", b"before", timestamp_ms=1_356_998_400_000)
    assert broker.pid is None
    with EmbeddedKafka(tmp_path / "a folder, with a comma") as again:
        assert (again.cluster_id, again.bootstrap_servers) == first
        send(again.bootstrap_servers, "kept", b"after")
        assert read(again.bootstrap_servers, "kept", 2) == [b"before", b"after"]
        again.start()
        assert again.bootstrap_servers == first[1]
    again.stop()


def test_it_listens_on_loopback_only(kafka):
    listening = [
        connection.laddr.ip.removeprefix("::ffff:")
        for connection in psutil.Process(kafka.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1", "127.0.0.1"]


def test_two_brokers_cannot_open_one_folder(kafka):
    with pytest.raises(StackError, match=f"held by the broker of process {os.getpid()}"):
        EmbeddedKafka(kafka.data_dir).start()
    assert kafka.running


def test_ports_that_are_taken_are_left_alone(tmp_path):
    with EmbeddedKafka(tmp_path) as broker:
        address, port = broker.bootstrap_servers.split(":")
    with socket.create_server((address, int(port))), EmbeddedKafka(tmp_path) as broker:
        assert not broker.bootstrap_servers.endswith(f":{port}")
        send(broker.bootstrap_servers, "elsewhere", b"x")


def test_a_port_lost_to_another_process_is_replaced(tmp_path, monkeypatch):
    choose = stack_kafka.choose_ports
    with socket.create_server(("127.0.0.1", 0)) as other:
        lost = other.getsockname()[1]
        answers = [lambda *_: (lost, *choose("127.0.0.1", 1))]
        monkeypatch.setattr(
            stack_kafka, "choose_ports", lambda *a: (answers.pop() if answers else choose)(*a)
        )
        with EmbeddedKafka(tmp_path) as broker:
            assert not broker.bootstrap_servers.endswith(f":{lost}")
            send(broker.bootstrap_servers, "served", b"x")
    assert not answers


def test_it_dies_with_a_killed_owner_and_starts_again(tmp_path, spawn, wait_until, gone):
    owner = spawn(OWNER, tmp_path)
    servers, pid, keeper = owner.stdout.readline().split()
    send(servers, "survivor", b"x")
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    with EmbeddedKafka(tmp_path) as broker:
        assert gone(int(pid))
        assert broker.bootstrap_servers == servers
        assert read(servers, "survivor", 1) == [b"x"]
    wait_until(lambda: gone(int(keeper)), "the keeper's end")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's")
def test_a_killed_keeper_takes_it_along_and_no_record_is_lost(tmp_path, wait_until, gone):
    quick = {"broker.session.timeout.ms": 3000, "broker.heartbeat.interval.ms": 500}
    broker = EmbeddedKafka(tmp_path, overrides=quick)
    broker.start()
    pid = broker.pid
    send(broker.bootstrap_servers, "survivor", b"x")
    os.kill(broker.keeper_pid, signal.SIGKILL)
    wait_until(lambda: gone(pid), "the broker's end")
    assert not broker.running
    broker.start()
    assert read(broker.bootstrap_servers, "survivor", 1) == [b"x"]
    broker.stop()


def test_it_needs_no_java_on_the_machine(tmp_path, spawn):
    (tmp_path / "empty").mkdir()
    env = {key: value for key, value in os.environ.items() if key not in {"JAVA_HOME", "PATH"}}
    owner = spawn(OWNER, tmp_path / "kafka", **env, PATH=str(tmp_path / "empty"))
    send(owner.stdout.readline().split()[0], "works", b"x")


def test_a_setting_that_kafka_refuses_is_an_error_with_its_words(tmp_path):
    broker = EmbeddedKafka(tmp_path, overrides={"num.io.threads": "many"})
    with pytest.raises(StackError, match=r"(?s)num\.io\.threads.*KAFKA_HOME"):
        broker.start()
    assert not broker.running


def test_a_start_that_fails_shows_the_log(tmp_path):
    with EmbeddedKafka(tmp_path):
        pass
    broken = EmbeddedKafka(tmp_path, overrides={"metric.reporters": "no.such.Reporter"})
    with pytest.raises(StackError, match=r"(?s)kafka\.log.*no\.such\.Reporter"):
        broken.start()
    assert not broken.running


def test_a_start_that_takes_too_long_shows_the_log(tmp_path):
    broker = EmbeddedKafka(tmp_path, start_timeout_s=0.0)
    with pytest.raises(StackError, match=r"did not start within 0 s.*kafka\.log"):
        broker.start()
    assert broker.pid is None
