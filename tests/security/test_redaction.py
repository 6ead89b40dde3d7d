"""No secret is in what is shown of a configuration, nor in kafka-python's log at debug level."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from ingest.kafka.client import open_client
from ingest.redaction import public_uri, redacted
from millstream.config.config import load_config
from millstream.pipeline import source_options
from tests.millstream.test_config import GOOD
from tests.security.conftest import KEY_PASSWORD, PASSWORD, SECRETS, USER, Secured

OPTIONS = {
    "sasl_plain_username": USER,
    "sasl_plain_password": PASSWORD,
    "ssl_password": KEY_PASSWORD,
    "proxy_url": f"socks5://{USER}:{PASSWORD}@proxy:1080",
    "request_timeout_ms": 5,
    "auth": f"{USER}:{PASSWORD}",
    "nested": {"token": PASSWORD, "hosts": [f"http://{USER}:{PASSWORD}@host", 1]},
}
SHOWN = {
    "sasl_plain_username": USER,
    "sasl_plain_password": "***",
    "ssl_password": "***",
    "proxy_url": "socks5://***@proxy:1080",
    "request_timeout_ms": 5,
    "auth": "***",
    "nested": {"token": "***", "hosts": ["http://***@host", 1]},
}


def test_signed_addresses_are_shown_without_what_signs_them() -> None:
    given = "https://host/x?sv=1&sig=abc%2F&X-Amz-Credential=me&api_key=k&page=2"
    assert (
        public_uri(given) == "https://host/x?sv=1&sig=***&X-Amz-Credential=***&api_key=***&page=2"
    )


def test_options_are_shown_without_secrets() -> None:
    assert redacted(OPTIONS) == SHOWN


def test_a_configuration_shows_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", PASSWORD)
    (tmp_path / "key").write_text(f"{KEY_PASSWORD}\n")
    lines = [
        "[kafka.options]",
        'sasl_plain_password = "${PASSWORD}"',
        f'ssl_password = "${{file:{tmp_path}/key}}"',
        'proxy_url = "socks5://me:${PASSWORD}@proxy:1080"',
        'ssl_cafile = "ca.pem"',
        'ssl_keyfile = "/keys/key.pem"',
        "[registry]",
        'tracking_uri = "http://me:${PASSWORD}@mlflow:5000"',
    ]
    path = tmp_path / "millstream.toml"
    path.write_text(GOOD.replace("[registry]", "\n".join(lines)))
    config = load_config(path)
    options = source_options(config, "broker:9092")
    assert options["sasl_plain_password"] == PASSWORD
    assert options["ssl_password"] == KEY_PASSWORD
    assert options["ssl_cafile"] == str(tmp_path / "ca.pem")
    assert options["ssl_keyfile"] == "/keys/key.pem"
    shown = [repr(config), str(config), repr(config.kafka), str(config.kafka.model_dump())]
    shown += [config.kafka.model_dump_json(), repr(config.registry)]
    assert not [text for text in shown if any(secret in text for secret in SECRETS)]


@pytest.mark.parametrize("way", ["SASL", "SCRAM", "MUTUAL"])
def test_kafkas_log_has_none_at_debug(
    way: str, secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    options = secured.options(way)
    for kind in (KafkaConsumer, KafkaProducer, KafkaAdminClient):
        open_client(kind, options, {}).close()
    admin = open_client(KafkaAdminClient, options, {})
    try:
        new = UserScramCredentialUpsertion("bob", ScramMechanism.SCRAM_SHA_512, PASSWORD)
        admin.alter_user_scram_credentials([new])
    finally:
        admin.close()
    assert "Starting KafkaAdminClient with configuration" in caplog.text
    assert "Request 1" in caplog.text
    assert "AlterUserScramCredentialsRequest(***)" in caplog.text
    assert ("SaslAuthenticateRequest(***)" in caplog.text) == (way != "MUTUAL")
    assert not [secret for secret in SECRETS if secret in caplog.text]
    assert new.salted_password.hex() not in caplog.text
    assert repr(new.salted_password) not in caplog.text
