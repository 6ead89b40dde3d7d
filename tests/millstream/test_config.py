"""Configuration: what is accepted, and what a person reads when it is not."""

from __future__ import annotations

import textwrap
import traceback
from pathlib import Path

import pytest

from ingest.redaction import public_uri
from millstream.config.config import load_config
from millstream.errors import ConfigError
from millstream.pipeline import make_schema

GOOD = """
[kafka]
topics = ["events"]
[schema]
label = { name = "y", type = "bool" }
[schema.features]
amount = "float32"
country = { type = "category", vocabulary = ["DE", "FR"] }
[train]
task = "binary"
[trigger]
records = 1000
[registry]
name = "fraud"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "millstream.toml"
    path.write_text(textwrap.dedent(text))
    return path


def test_defaults_and_derived_values(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))
    assert config.metric == "auc"
    assert config.group_id == "millstream.fraud"
    assert config.state_dir == tmp_path / ".millstream"
    schema = make_schema(config)
    assert [f.name for f in schema.features] == ["amount", "country"]
    assert schema.label.name == "y"


def test_a_state_in_an_object_store_needs_a_broker_and_a_registry_that_survive(
    tmp_path: Path,
) -> None:
    text = GOOD.replace("[registry]", '[service]\nstate_dir = "s3://bucket/fraud/"\n[registry]')
    with pytest.raises(ConfigError, match=r"kafka\.bootstrap_servers: expected an address"):
        load_config(write(tmp_path, text))
    text = text.replace("topics =", 'bootstrap_servers = "kafka:9092"\ntopics =')
    with pytest.raises(ConfigError, match=r"registry\.tracking_uri: expected an address"):
        load_config(write(tmp_path, text))
    text = text.replace("[registry]", '[registry]\ntracking_uri = "http://mlflow:5000"')
    config = load_config(write(tmp_path, text))
    assert (config.remote, config.state_dir) == ("s3://bucket/fraud", tmp_path / ".millstream")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("topics =", "topcs =", 'kafka.topcs: unknown key; did you mean "topics"?'),
        ("[trigger]", "[triger]", 'triger: unknown key; did you mean "trigger"?'),
        ('amount = "float32"', 'amount = "float"', "schema.features.amount.type: input should be"),
        (
            "vocabulary =",
            "vocab =",
            'schema.features.country.vocab: unknown key; did you mean "voc',
        ),
        ("records = 1000", 'records = "many"', "trigger.records: input should be a valid integer"),
        ("records = 1000", "records = 0", "trigger.records: input should be greater than"),
        (
            "records = 1000",
            "records = 1000\nmax_records = 999",
            "trigger: expected max_records of at least records, which is 1000; got 999",
        ),
        ("records = 1000", "", 'trigger: expected "records", "seconds", "drift" or "cost"'),
        ('label = { name = "y", type = "bool" }', "", "schema.label: missing"),
        ('task = "binary"', 'task = "rank"', "train.task: input should be 'binary', 'multiclass'"),
        ('[registry]\nname = "fraud"', "", "registry: missing; it has no default"),
        ('name = "fraud"', 'name = "${NOT_SET_ANYWHERE}"', "variable NOT_SET_ANYWHERE is not set"),
        ("[schema]", "[schema", "not valid TOML"),
        (
            '["events"]',
            '["events"]\noptions = { sasl_plain_password = "hunter2" }',
            "kafka.options.sasl_plain_password: a secret must not stand in the file",
        ),
        ('["events"]', '["a", "b", "a"]', 'kafka.topics: topic "a" is there twice'),
        ('["events"]', '["my topic"]', 'kafka.topics: "my topic" is not a name of a topic'),
        ('["events"]', '[".."]', 'kafka.topics: ".." is not a name of a topic'),
        ('["events"]', '["a", "a.dead-letters"]', 'the dead letters of topic "a" would go to'),
        ('["events"]', '["a"]\ndead_letter_topic = "a"', "kafka.dead_letter_topic: the dead let"),
        ('["events"]', '["a"]\ndead_letter_topic = "{x}"', '"{x}" is not a name of a topic'),
        ('["events"]', '["a"]\nbootstrap_servers = "host"', 'expected "host:port", several'),
        ('["events"]', '["a"]\nbootstrap_servers = "h:1,h:x"', 'expected "host:port", several'),
        ('["events"]', '["a"]\nbootstrap_servers = "h:65536"', "the port from 1 to 65535"),
        (
            '["events"]',
            '["events"]\noptions = { group_id = "mine" }',
            "kafka.options: group_id is not to be set here; write it as kafka.group_id",
        ),
        ("records = 1000", "seconds = inf", "trigger.seconds: input should be a finite number"),
        ('name = "fraud"', 'name = "a/b"', "registry.name: expected letters, digits"),
        ('name = "fraud"', 'name = " "', "registry.name: expected letters, digits"),
        (
            'type = "bool" }',
            'type = "bool", min = 0 }',
            "schema.label: only a number has min or max, and this is a bool",
        ),
        (
            'amount = "float32"',
            'amount = { type = "float32", min = 2, max = 1 }',
            "schema.features.amount: expected min to be at most max, got min 2, max 1",
        ),
    ],
)
def test_a_fault_is_one_line_with_place_and_mend(
    tmp_path: Path, before: str, after: str, expected: str
) -> None:
    assert before in GOOD
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, GOOD.replace(before, after)))
    message = str(caught.value)
    assert expected in message
    assert len(message.splitlines()) == 1
    assert "hunter2" not in message


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("topics =", "topcs =").replace("task =", "tusk =")
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text))
    assert len(str(caught.value).splitlines()) == 2


def test_a_missing_file_names_init(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file; `millstream init DIR`"):
        load_config(tmp_path / "millstream.toml")


def test_secrets_come_from_environment_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    monkeypatch.setenv("THE_PASSWORD", "hunter2")
    pairs = f'sasl_plain_password = "${{THE_PASSWORD}}", ssl_password = "${{file:{secret}}}"'
    options = f"options = {{ {pairs} }}"
    config = load_config(write(tmp_path, GOOD.replace('["events"]', '["events"]\n' + options)))
    assert config.kafka.options == {"sasl_plain_password": "hunter2", "ssl_password": "s3cret"}


def test_an_address_is_shown_without_its_password() -> None:
    assert public_uri("https://me:hunter2@mlflow:5000/x") == "https://***@mlflow:5000/x"
    assert public_uri("https://me:hun/ter@2@mlflow/x") == "https://***@mlflow/x"
    asked = "postgresql://db/x?user=me&password=hunter2&sslmode=require"
    assert public_uri(asked) == "postgresql://db/x?user=me&password=***&sslmode=require"
    assert public_uri("socks5://me:p@ss@proxy:1080") == "socks5://***@proxy:1080"
    assert public_uri("postgresql://me:hun/ter@2@db/x") == "postgresql://***@db/x"
    assert public_uri("http://a:b@h1,http://c:d@h2") == "http://***@h2"
    assert public_uri("sqlite:////a/b@c.db") == "sqlite:////a/b@c.db"


@pytest.mark.parametrize(
    "wrong",
    [
        '[kafka.optionz]\nsasl_plain_password = "${THE_PASSWORD}"',
        '[registri]\ntracking_uri = "http://me:${THE_PASSWORD}@mlflow"',
        '[kafka.options]\nbootstrap_servers = "${THE_PASSWORD}"',
    ],
)
def test_no_secret_is_in_an_error_nor_in_its_cause(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_PASSWORD", "hunter2")
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, f"{GOOD}\n{wrong}\n"))
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_secret_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"\xff\xfe")
    options = f'options = {{ sasl_plain_password = "${{file:{secret}}}" }}'
    with pytest.raises(ConfigError, match="secret cannot be read: it is not UTF-8"):
        load_config(write(tmp_path, GOOD.replace('["events"]', '["events"]\n' + options)))


def test_the_model_is_frozen(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))
    with pytest.raises(ValueError, match="frozen"):
        config.train.epochs = 3  # type: ignore[misc]


def test_a_number_may_have_a_range(tmp_path: Path) -> None:
    text = GOOD.replace('amount = "float32"', 'amount = { type = "int32", min = 0, max = 23 }')
    features = load_config(write(tmp_path, text)).schema_.features
    assert (features["amount"].min, features["amount"].max) == (0.0, 23.0)
    assert (features["country"].min, features["country"].max) == (None, None)


def test_several_brokers(tmp_path: Path) -> None:
    servers = "kafka-1.example:9092,[::1]:9093"
    text = GOOD.replace('["events"]', f'["events"]\nbootstrap_servers = "{servers}"')
    assert load_config(write(tmp_path, text)).kafka.bootstrap_servers == servers
