"""The section [format] and the newer keys of [schema]: what is accepted, and what is told."""

from __future__ import annotations

from pathlib import Path

import pytest

import ingest
from millstream.config.config import Config, load_config
from millstream.decoding import make_decoder
from millstream.errors import ConfigError
from millstream.pipeline import make_schema
from millstream.recipe import make_recipe
from millstream.trainable import check_trainable

from .test_config import GOOD

AVRO = '{"type": "record", "name": "E", "fields": []}'
REGISTRY = 'framing = "confluent"\nschema_registry = { url = "https://registry:8081" }'


def load(folder: Path, section: str = "", amount: str = '"float32"') -> Config:
    text = GOOD.replace('amount = "float32"', f"amount = {amount}")
    (folder / "millstream.toml").write_text(f"{text}\n[format]\n{section}\n")
    return load_config(folder / "millstream.toml")


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ('kind = "jsn"', "format.kind: input should be 'json', 'avro', 'protobuf', 'example'"),
        ('knd = "json"', 'format.knd: unknown key; did you mean "kind"?'),
        ('media = "image"', 'format: "media" is for kind = "raw", and this is "json"'),
        ('kind = "avro"', 'kind = "avro" without framing needs "avro_schema", the file of its'),
        ('kind = "avro"\nframing = "confluent"', 'with framing = "confluent" needs "schema_regis'),
        (
            'kind = "json"\nschema_registry = { url = "http://h" }',
            '"schema_registry" needs framing',
        ),
        ('kind = "struct"', 'kind = "struct" needs "fields"'),
        ('kind = "protobuf"\nmessage = "shop.Event"', 'kind = "protobuf" needs "descriptor"'),
        ('kind = "example"\nframing = "confluent"', "is for json, avro, protobuf"),
        ('kind = "struct"\nfields = [["amount", "f4"], ["amount", "f8"]]', "amount is there twice"),
        ('kind = "struct"\nfields = [["amount", "O"]]', "amount: expected a type of"),
        ('kind = "struct"\nfields = [["amount"]]', "expected [name, type] or [name, type, shape]"),
        (
            'kind = "avro"\nframing = "confluent"\nschema_registry = { ulr = "http://h" }',
            'format.schema_registry.ulr: unknown key; did you mean "url"?',
        ),
        (
            'kind = "avro"\nframing = "confluent"\nschema_registry = { url = "ftp://h" }',
            'format.schema_registry.url: expected an address such as "https://registry:8081"',
        ),
        (
            'kind = "avro"\nframing = "confluent"\nschema_registry = { url = "http://h:99999" }',
            'format.schema_registry.url: expected an address such as "https://registry:8081"',
        ),
        (
            'kind = "avro"\nframing = "confluent"\nschema_registry = "http://h"',
            "format.schema_registry: expected a table with keys of auth, ca, url; got 'http://h'",
        ),
        (
            'kind = "struct"\nfields = { amount = "<f4" }',
            "format.fields: expected a list in brackets",
        ),
    ],
)
def test_keys_that_do_not_fit_are_told(tmp_path: Path, section: str, expected: str) -> None:
    with pytest.raises(ConfigError) as told:
        load(tmp_path, section)
    assert expected in str(told.value)
    assert len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize(
    "access",
    [
        'url = "http://me:hunter2@h"',
        'url = "http://me:hunter2/3@h"',
        'url = "${WITH_PASSWORD}"',
        'url = "http://h", auth = "me:hunter2"',
    ],
)
def test_a_password_in_the_wrong_place_is_refused_and_not_shown(
    tmp_path: Path, access: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WITH_PASSWORD", "http://me:hunter2@h")
    with pytest.raises(ConfigError, match=r"\$\{NAME\}") as told:
        load(tmp_path, f'framing = "confluent"\nschema_registry = {{ {access} }}')
    assert "hunter2" not in str(told.value)


def test_a_password_from_the_environment_stays_out_of_fingerprint_and_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = 'framing = "confluent"\nschema_registry = { url = "http://h", auth = "${AUTH}" }'
    monkeypatch.setenv("AUTH", "me:hunter2")
    one = load(tmp_path, section)
    monkeypatch.setenv("AUTH", "me:hunter3")
    other = load(tmp_path, section)
    assert one.fingerprint == other.fingerprint
    assert make_recipe(one, "x") == make_recipe(other, "x")
    assert "hunter2" not in repr(one)


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("", "JsonDecoder"),
        ('framing = "confluent"', "Unframed"),
        ('kind = "avro"\navro_schema = "event.avsc"', "AvroDecoder"),
        (f'kind = "avro"\n{REGISTRY}', "AvroDecoder"),
        ('kind = "example"', "ExampleDecoder"),
        (
            'kind = "struct"\nfields = [["amount", "<f4"], ["country", "S2"], ["y", "?"]]',
            "PackedDecoder",
        ),
    ],
)
def test_each_kind_has_its_decoder(tmp_path: Path, section: str, kind: str) -> None:
    (tmp_path / "event.avsc").write_text(
        '{"type": "record", "name": "E", "fields": [{"name": "amount", "type": "float"},'
        ' {"name": "country", "type": "string"}, {"name": "y", "type": "boolean"}]}'
    )
    config = load(tmp_path, section)
    assert type(make_decoder(config, make_schema(config))).__name__ == kind


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            'kind = "avro"\navro_schema = "missing.avsc"',
            "format.avro_schema: .*missing.avsc cannot",
        ),
        ('kind = "avro"\navro_schema = "model.py"', "format: "),
        ('kind = "raw"\nmedia = "image"', "cannot train on .raw. records.*millstream.dataset"),
    ],
)
def test_what_the_decoder_needs_is_told(tmp_path: Path, section: str, expected: str) -> None:
    (tmp_path / "model.py").write_text("no schema")
    config = load(tmp_path, section)
    with pytest.raises(ConfigError, match=expected):
        make_decoder(config, make_schema(config))


def test_the_recipe_has_the_content_of_the_formats_files(tmp_path: Path) -> None:
    path = tmp_path / "event.avsc"
    path.write_text(AVRO)
    config = load(tmp_path, 'kind = "avro"\navro_schema = "event.avsc"')
    before = make_recipe(config, "x")
    path.write_text(AVRO.replace("E", "F"))
    assert make_recipe(config, "x")["format"] != before["format"]
    path.unlink()
    with pytest.raises(ConfigError, match=r"format\.avro_schema"):
        make_recipe(config, "x")


def test_a_recipe_of_json_and_plain_fields_is_as_it_always_was(tmp_path: Path) -> None:
    recipe = make_recipe(load(tmp_path), "x")
    assert "format" not in recipe
    keys = {"type", "vocabulary", "buckets", "min", "max"}
    assert set(recipe["schema"]["features"]["amount"]) == keys
    later = make_recipe(load(tmp_path, amount='{ type = "float32", default = 0 }'), "x")
    assert later["schema"]["features"]["amount"]["default"] == 0


@pytest.mark.parametrize(
    ("amount", "field"),
    [
        ('{ type = "float32", length = 3, default = 0 }', {"length": 3, "default": 0}),
        ('{ type = "int64", length = "ragged" }', {"dtype": "int64", "length": "ragged"}),
        ('{ type = "bool", default = false }', {"dtype": "bool", "default": False}),
        ('{ type = "timestamp", default = 1970-01-01T00:00:01Z }', {"default": 1000}),
        ('{ type = "category", vocabulary = ["a"], grow = 9 }', {"grow": 9}),
        ('"string"', {"dtype": "string"}),
    ],
)
def test_fields_take_the_newer_keys(tmp_path: Path, amount: str, field: dict) -> None:
    found = make_schema(load(tmp_path, amount=amount)).features[0]
    assert {name: getattr(found, name) for name in field} == field
    assert type(found.default) is type(field.get("default"))


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ('{ type = "float32", length = "raged" }', 'expected a whole number from 1 or "ragged"'),
        ('{ type = "float32", length = 0 }', 'expected a whole number from 1 or "ragged"'),
        ('{ type = "float32", length = true }', 'expected a whole number from 1 or "ragged"'),
        ('{ type = "float32", lenght = 3 }', 'did you mean "length"?'),
        ('{ type = "timestamp", default = 2026-01-01T00:00:00 }', "a moment with its offset"),
        ('{ type = "timestamp", default = 2026-01-01 }', "a moment with its offset"),
        (
            '{ type = "timestamp", default = "2026-01-01T00:00:00Z" }',
            "without quotes, such as 2026",
        ),
        ('{ type = "float32", length = 2, default = [0, 0] }', "expected one number, text or"),
        ('{ type = "float32", default = "0" }', "amount: the default"),
        ('{ type = "category", grow = true }', "grow: input should be a valid integer; got True"),
        ('{ type = "float32", grow = 9 }', "amount: only a category has a vocabulary or buckets"),
        ('"category"', "amount: a category needs"),
        ('["float32", 3]', "amount: expected a table with keys of buckets, default, grow, length"),
        (
            '{ type = "timestamp", min = 0 }',
            "only a number has min or max, and this is a timestamp",
        ),
    ],
)
def test_wrong_values_of_the_newer_keys_are_told(
    tmp_path: Path, amount: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as told:
        load(tmp_path, amount=amount)
    assert expected in str(told.value)
    assert str(told.value).startswith("millstream.toml: schema.features.amount")
    assert len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("field", "mend"),
    [
        (ingest.Field("note", "string"), "make it a category with a vocabulary or buckets"),
        (ingest.Field("note", "bytes"), "cannot train on bytes.*millstream.dataset"),
        (ingest.Field("note", "float32", length="ragged"), "give it a fixed length"),
    ],
)
def test_what_the_service_cannot_train_on_is_refused(field: ingest.Field, mend: str) -> None:
    schema = ingest.Schema((ingest.Field("a", "float32", length=3), field))
    with pytest.raises(ConfigError, match=f"^schema.features.note: the service.*{mend}"):
        check_trainable(schema)
