"""One real broker that wants TLS, certificates or passwords, each on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion

from millstream.stack.kafka import EmbeddedKafka
from millstream.stack.ports import choose_ports
from tests.security.certificates import Authority

HOST = "127.0.0.1"
USER = "alice"
PASSWORD = "pa55-of-alice-x7Qz"
KEY_PASSWORD = "pa55-of-the-key-k2Lm"
SECRETS = (PASSWORD, KEY_PASSWORD)
LISTENERS = ("PLAIN", "TLS", "MUTUAL", "SASL", "SCRAM", "BOTH")
PROTOCOLS = {
    "CONTROLLER": "PLAINTEXT",
    "PLAIN": "PLAINTEXT",
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "SASL": "SASL_PLAINTEXT",
    "SCRAM": "SASL_SSL",
    "BOTH": "SASL_SSL",
}
MODULES = "org.apache.kafka.common.security"


@dataclass(frozen=True)
class Secured:
    """Where the broker listens, and how to get in."""

    ports: dict[str, int]
    authority: Authority
    broker_file: Path
    client_file: Path

    def address(self, way: str, host: str = HOST) -> str:
        return f"{host}:{self.ports[way]}"

    def options(self, way: str) -> dict[str, object]:
        """kafka-python's options for a listener."""
        tls = {"ssl_cafile": str(self.authority.file)}
        user = {"sasl_plain_username": USER, "sasl_plain_password": PASSWORD}
        file = str(self.client_file)
        own = {"ssl_certfile": file, "ssl_keyfile": file, "ssl_password": KEY_PASSWORD}
        extra: dict[str, dict[str, object]] = {
            "PLAIN": {},
            "TLS": {**tls},
            "MUTUAL": {**tls, **own},
            "SASL": {"sasl_mechanism": "PLAIN", **user},
            "SCRAM": {"sasl_mechanism": "SCRAM-SHA-512", **user, **tls},
            "BOTH": {"sasl_mechanism": "SCRAM-SHA-512", **user, **tls, **own},
        }
        named = {"bootstrap_servers": self.address(way), "security_protocol": PROTOCOLS[way]}
        return {**named, **extra[way]}


def broker_overrides(ports: dict[str, int], authority: Authority, key: Path) -> dict[str, object]:
    """Kafka's own settings."""
    addresses = [f"{name}://{HOST}:{port}" for name, port in ports.items()]
    stores = {
        "keystore.type": "PEM",
        "keystore.location": key,
        "truststore.type": "PEM",
        "truststore.location": authority.file,
    }
    tls = {
        f"listener.name.{way}.ssl.{name}": value
        for way in ("tls", "mutual", "scram", "both")
        for name, value in stores.items()
    }
    scram = {}
    for way in ("scram", "both"):
        module = f"{MODULES}.scram.ScramLoginModule required;"
        scram[f"listener.name.{way}.sasl.enabled.mechanisms"] = "SCRAM-SHA-512"
        scram[f"listener.name.{way}.scram-sha-512.sasl.jaas.config"] = module
    return {
        "listeners": ",".join(addresses),
        "advertised.listeners": ",".join(a for a in addresses if "CONTROLLER" not in a),
        "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in PROTOCOLS.items()),
        "inter.broker.listener.name": "PLAIN",
        "controller.quorum.voters": f"1@{HOST}:{ports['CONTROLLER']}",
        **tls,
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.both.ssl.client.auth": "required",
        "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": (
            f'{MODULES}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        ),
        **scram,
    }


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """The broker, with a user that was made over the listener without a password."""
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder)
    key = authority.issue("broker", HOST)
    client = authority.issue("client", password=KEY_PASSWORD)
    numbers = choose_ports(HOST, len(LISTENERS) + 1)
    ports = dict(zip((*LISTENERS, "CONTROLLER"), numbers, strict=True))
    overrides = broker_overrides(ports, authority, key)
    with EmbeddedKafka(folder / "kafka", overrides=overrides):
        found = Secured(ports, authority, key, client)
        admin = KafkaAdminClient(bootstrap_servers=found.address("PLAIN"))
        try:
            admin.alter_user_scram_credentials(
                [UserScramCredentialUpsertion(USER, ScramMechanism.SCRAM_SHA_512, PASSWORD)]
            )
        finally:
            admin.close()
        yield found
