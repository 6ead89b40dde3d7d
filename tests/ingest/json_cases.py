"""JSON records of all types of fields, and ways to spell them, made from a random generator."""

# ruff: noqa: SIM905 - many words are easier to read as one text

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence

import numpy as np

from ingest import BadRecord, Field, JsonDecoder, RecordBatch, Schema
from ingest.formats.json.record import RecordParser
from ingest.formats.values import BadValueError, ColumnsBuilder
from ingest.ragged import Ragged

WORDS = ("", "Oslo", "Bergen", "Tromsø", "東京", 'say "hi"', "a\\b", "🎉")
WIDE = Schema(
    (
        Field("single", "float32"),
        Field("double", "float64", minimum=-1e200, maximum=1e200),
        Field("short", "int32", minimum=-100),
        Field("long", "int64"),
        Field("flag", "bool"),
        Field("city", "category", vocabulary=WORDS),
        Field("user", "category", buckets=1000),
        Field("tag", "category", vocabulary=("a",), grow=10),
        Field("when", "timestamp"),
        Field("text", "string"),
        Field("vector", "float32", length=3),
        Field("doubles", "float64", length="ragged"),
        Field("longs", "int64", length="ragged"),
        Field("flags", "bool", length=2),
        Field("cities", "category", vocabulary=WORDS, length="ragged"),
        Field("users", "category", buckets=7, length=2),
        Field("single or 0.5", "float32", default=0.5),
        Field("short or 7", "int32", default=7),
        Field("flag or true", "bool", default=True),
        Field("city or Oslo", "category", vocabulary=WORDS, default="Oslo"),
        Field("when or 5", "timestamp", default=5),
        Field("text or é", "string", default="é"),
        Field("vector or 1", "float64", length=2, default=1),
        Field("longs or none", "int32", length="ragged", default=""),
        Field("is it 🎉", "category", "label", vocabulary=("no", "yes")),
        Field("weight", "float32", "weight"),
    )
)
BYTES = Schema((Field("blob", "bytes"), Field("blob or x", "bytes", default="x")))
NUMBERS = """
0 -0 0.0 -0.0 1 -1 0.1 1e5 1E-5 1.5e+3 9007199254740993 9007199254740992.5 1e22 1e23 123e-25
2147483647 2147483648 -2147483648 9223372036854775807 9223372036854775808 -9223372036854775808
3.4028235677973366e38 3.4028235677973362e38 1e39 1.7976931348623157e308 5e-324 1e-400
2.2250738585072014e-308 0e999999999999 99999999999999999999 1.00000005960464477539062499
0.00000000000000000000012345678901234567890 1e309 1e999
""".split()
NO_NUMBERS = "01 1. .5 +1 1e 1e+ 0x10 NaN Infinity -Infinity - 1_0 --1 -01 1.e5".split()
TIMES = """
2026-11-25T13:45:00Z 2026-11-25T13:45:00.5Z 2026-11-25T13:45:00.123456789Z
2026-11-25T13:45:00+05:30 2026-11-25T00:15:00.999-23:59 1969-12-31T23:59:59.999Z
0001-01-01T00:00:00+23:59 9999-12-31T23:59:59-23:59 2024-02-29T00:00:00z 2100-02-29T00:00:00Z
2023-02-29T00:00:00Z 2026-11-25t13:45:00Z 2026-11-25T24:00:00Z 2026-11-25T23:59:60Z
2026-11-25T13:45:00 2026-11-25 2026-13-01T00:00:00Z 2026-00-10T00:00:00Z 2026-01-32T00:00:00Z
0000-01-01T00:00:00Z 2026-11-25T13:45:00.Z 2026-11-25T13:45:00+24:00 2026-11-25T13:45:00+0530
""".split()
TIMES += ["2026-11-25 13:45:00Z", "2026-11-25T13:45:00Z ", "２026-11-25T13:45:00Z", "1e3", ""]
CHARACTERS = ("a", "Z", "0", " ", "é", "東", "🎉", '"', "\\", "/", "\n", "\0", "\x1f", "\x7f", "{")
ODD_STRINGS = (
    '"\\ud800"', '"\\udc00x"', '"\\ud83c\\u0041"', '"\\u12"', '"\\x"', '"\x01"', '"\udcff"',
    '"abc', "'a'", '"\\ud83c\\udf89"', '"\\uD83C\\uDF89"', '"a\tb"', '"\\/"',
)  # fmt: skip
DAMAGE = b'{}[]",:\\ue0.1-nft\x00\x7f\x80\xc3\xed\xa0\xf4\xff\n '


def spelled_number(rng: random.Random) -> str:
    """A number in any spelling; some are none."""
    if rng.random() < 0.4:
        return rng.choice(NUMBERS if rng.random() < 0.97 else NO_NUMBERS)
    text = rng.choice(["", "-"]) + str(rng.getrandbits(rng.choice([1, 4, 20, 53, 54, 64, 90])))
    if rng.random() < 0.5:
        digits = "".join(rng.choices("0123456789", k=rng.choice([1, 2, 5, 16, 25])))
        text += "." + rng.choice(["", "000"]) + digits
    if rng.random() < 0.3:
        text += rng.choice("eE") + rng.choice(["", "+", "-"]) + str(rng.choice([0, 3, 22, 40, 310]))
    return text


def spelled_string(rng: random.Random, text: str) -> str:
    """A string with its characters as they are, or escaped."""
    parts = []
    for character in text:
        short = json.dumps(character, ensure_ascii=False)[1:-1]
        long = json.dumps(character)[1:-1]
        units = character.encode("utf-16-be", "surrogatepass")
        full = "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2))
        parts.append(rng.choice([short, short, short, long, full]))
    return f'"{"".join(parts)}"'


def any_text(rng: random.Random) -> str:
    """A short text."""
    return "".join(rng.choices(CHARACTERS, k=rng.choice([0, 1, 2, 3, 20])))


def junk(rng: random.Random, depth: int = 0) -> str:
    """Any value."""
    kind = rng.randrange(8 if depth < 4 else 6)
    if kind < 2:
        return spelled_number(rng)
    if kind == 2:
        return rng.choice(
            ["true", "false", "null", "nul", "True"] if rng.random() < 0.2 else ["null"]
        )
    if kind < 5:
        return spelled_string(rng, any_text(rng))
    if kind == 5:
        return rng.choice(ODD_STRINGS if rng.random() < 0.05 else ["[]", "{}", "[ ]"])
    if kind == 6:
        return joined(rng, "[", [junk(rng, depth + 1) for _ in range(rng.randrange(4))], "]")
    members = [
        f"{spelled_string(rng, any_text(rng))}{space(rng)}:{space(rng)}{junk(rng, depth + 1)}"
        for _ in range(rng.randrange(4))
    ]
    return joined(rng, "{", members, "}")


def space(rng: random.Random) -> str:
    """White space; mostly as Python's json has it."""
    return rng.choice([" ", " ", "", "\t", "\r\n  "])


def joined(rng: random.Random, opening: str, parts: Sequence[str], closing: str) -> str:
    """Parts with commas between them."""
    inside = f"{space(rng)},{space(rng)}".join(parts)
    return f"{opening}{space(rng)}{inside}{space(rng)}{closing}"


def good_value(rng: random.Random, field: Field) -> str:
    """A value that is mostly good for a field."""
    if field.length is not None:
        many = field.length if isinstance(field.length, int) else rng.choice([0, 1, 2, 5])
        return joined(rng, "[", [single_value(rng, field) for _ in range(many)], "]")
    return single_value(rng, field)


def single_value(rng: random.Random, field: Field) -> str:
    """A value that is mostly good for a field or for an element of its list."""
    if field.dtype in ("float32", "float64"):
        number = rng.gauss(0, 1) * 10.0 ** rng.choice([0, 0, 0, 5, -5, 15, -30])
        number = abs(number) if field.role == "weight" else number
        return rng.choice([repr(number), f"{number:.3f}", f"{number:.12g}", str(int(number))])
    if field.dtype in ("int32", "int64"):
        limit = 2**31 if field.dtype == "int32" else 2**63
        return str(rng.choice([rng.randrange(100), rng.randrange(limit), limit - 1, -5]))
    if field.dtype == "timestamp":
        return rng.choice([str(rng.randrange(2**41)), f'"{rng.choice(TIMES[:8])}"'])
    if field.dtype == "bool":
        return rng.choice(["true", "false"])
    words = field.vocabulary or WORDS
    known = rng.random() < 0.8 or field.role == "label"
    return spelled_string(rng, rng.choice(words) if known else any_text(rng))


def bad_value(rng: random.Random, field: Field) -> str:
    """A value that may be wrong for a field."""
    if field.dtype == "timestamp" and rng.random() < 0.7:
        return f'"{rng.choice(TIMES)}"'
    return rng.choice([junk(rng), spelled_number(rng), "null"])


def make_record(rng: random.Random, schema: Schema = WIDE) -> bytes:
    """A record, mostly good, in any order and spelling."""
    wrong = rng.choice([0, 0, 0, 0, 0.01, 0.3])
    members = []
    for field in schema.fields:
        make: Callable[..., str] = bad_value if rng.random() < wrong else good_value
        if rng.random() < (0.3 if field.default is not None else wrong / 4):
            continue
        members.append((field.name, make(rng, field)))
    members += [(any_text(rng), junk(rng)) for _ in range(rng.choice([0, 0, 1, 3]))]
    if rng.random() < 0.5:
        rng.shuffle(members)
    if rng.random() < 0.1:
        members.append((rng.choice(members or [("x", "")])[0], junk(rng)))
    texts = [f"{key(rng, name)}{space(rng)}:{space(rng)}{value}" for name, value in members]
    return joined(rng, "{", texts, "}").encode("utf-8", "surrogateescape")


def key(rng: random.Random, name: str) -> str:
    """A key; seldom with more escapes than it needs."""
    plain = json.dumps(name, ensure_ascii=False)
    return plain if rng.random() < 0.98 else spelled_string(rng, name)


def damaged(rng: random.Random, raw: bytes) -> bytes:
    """Some bytes with others inserted, taken out or put in their place."""
    for _ in range(rng.choice([1, 1, 2, 5])):
        place = rng.randrange(len(raw) + 1)
        inserted = bytes(rng.choices(DAMAGE, k=rng.choice([0, 1, 1, 2])))
        raw = raw[:place] + inserted + raw[place + rng.choice([0, 1, 1, 3]) :]
    return raw


def compare(values: Sequence[bytes], schema: Schema) -> int:
    """Check that a decoder does with values what the parser of single records does.

    Returns:
        How many of them the compiled parser has taken.
    """
    decoder, batch = JsonDecoder(schema), RecordBatch.of("a", 0, range(len(values)), values)
    spans = batch.value_start, batch.value_length
    taken = decoder._parse(batch.buffer, *spans).taken
    found = decoder.decode(batch)
    parser, builder = RecordParser(schema), ColumnsBuilder(schema)
    good, bad = [], []
    for index, raw in enumerate(values):
        try:
            builder.append(list(parser.parse(raw).values()))
            good.append(index)
        except BadValueError as error:
            bad.append(BadRecord(index, str(error), error.kind))
        if taken[index]:
            json.loads(raw, parse_constant=refuse)
    assert found.good.tolist() == good
    assert found.bad == tuple(bad)
    for name, column in builder.columns().items():
        same(found.columns[name], column, name)
    return int(taken.sum())


def refuse(word: str) -> float:
    """No constant of Python's is JSON."""
    raise AssertionError(f"taken with {word}")


def same(one: object, other: object, name: str) -> None:
    """Check that two columns are equal bit for bit."""
    if isinstance(other, Ragged):
        assert isinstance(one, Ragged), name
        assert one == other, name
        assert one.values.tobytes() == other.values.tobytes(), name
        return
    assert isinstance(one, np.ndarray), name
    assert isinstance(other, np.ndarray), name
    assert (one.dtype, one.shape) == (other.dtype, other.shape), name
    assert one.tobytes() == other.tobytes(), name
