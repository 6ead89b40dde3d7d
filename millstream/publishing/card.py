"""The model card of a version: what it is, what it learned from, how good it is, how to use it.

Markdown that MLflow's page shows, and that lies in every pulled folder. It is a function of the
round's folder and of what publication found, and was true when the version was published: whether
the version is the champion by now is for the registry to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest import Position
from millstream.publishing.card_facts import CardFacts
from millstream.publishing.card_sections import (
    drift_section,
    records_section,
    rungs_section,
    scores_section,
)
from millstream.publishing.gate_report import cell
from millstream.rounds.store import RoundFolder

__all__ = ["make_card"]

MOST_WORDS = 20  # of a vocabulary that the card shows
MOST_FIELDS = 100
LONGEST_VALUE = 60  # characters of a value of the example
PACKAGE = "millstream>"  # of classes that Keras knows by millstream's name


def make_card(folder: RoundFolder, begin: Position, facts: CardFacts) -> str:
    """The card.

    Args:
        folder: the round's.
        begin: where the learner's first round began.
        facts: see there.
    """
    plan, report = folder.plan(), folder.report()
    sections = [
        f"# {facts.name}, round {folder.number}",
        summary(folder, facts),
        use_section(facts),
        fields_section(facts.schema),
        records_section(plan, report, begin),
        scores_section(report, facts.outcome, facts.intervals),
        f"## The gate\n\n{verdict(facts)}",
        rungs_section(facts.outcome["rungs"], str(facts.schema["metric"])),
        drift_section(plan, report),
        files_section(facts),
    ]
    return "\n\n".join(sections) + "\n"


def summary(folder: RoundFolder, facts: CardFacts) -> str:
    """What it is, in a sentence or two."""
    label = next(cell(f["name"]) for f in facts.schema["fields"] if f["role"] == "label")
    outcome, task = facts.outcome, facts.schema["task"]
    return (
        f"A LiteRT model that predicts `{label}` ({task}). It ships as rung `{outcome['rung']}`:"
        f" {outcome['bytes']:,} bytes, {outcome['gzip_bytes']:,} compressed; its float32 export has"
        f" {outcome['float32_bytes']:,}. Round {folder.number} of the learner made it."
    )


def verdict(facts: CardFacts) -> str:
    """What the gate said when the version was published."""
    word = "may be promoted" if facts.promote else "is not promoted"
    return f"The version {word}: {facts.gate}"


def use_section(facts: CardFacts) -> str:
    """How to get it and ask it."""
    example = ", ".join(
        f"{n!r}: {short(values[0])}" for n, values in facts.example.items() if values
    )
    task = facts.schema["task"]
    asked = {
        "binary": 'params={"threshold": 0.5}) gives booleans, {"labels": True} words',
        "multiclass": 'params={"labels": True}) gives the words of the best classes',
        "regression": 'params={"batch": 256}) takes 256 rows at a time',
    }
    returned = {
        "binary": "float32[rows]: probabilities",
        "multiclass": "float32[rows, classes]: probabilities",
        "regression": "float32[rows]",
    }
    return (
        "## Use\n\n"
        f"```sh\nmillstream pull {facts.name} --out model   # or {facts.name}/VERSION\n```\n\n"
        "```python\nimport mlflow  # or mlflow-skinny; and pandas, numpy, ai-edge-litert\n\n"
        f'model = mlflow.pyfunc.load_model("models:/{facts.name}@champion")  # or a pulled folder\n'
        f"model.predict([{{{example}}}])\n# {returned[task]}\n"
        f"# model.predict(records, {asked[task]}\n```\n\n"
        "Records come as a DataFrame, a dict of columns or a list of dicts, with raw values:"
        " numbers, words, texts of moments. TensorFlow is not needed."
    )


def short(value: Any) -> str:
    """A value as Python writes it, with dots where it is long."""
    text = repr(float(f"{value:.7g}")) if isinstance(value, float) else repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} ..."


def fields_section(schema: Mapping[str, Any]) -> str:
    """What goes in and comes out."""
    shown = [f for f in schema["fields"] if f["role"] in {"feature", "label"}]
    rows = [f"| `{cell(f['name'])}` | {f['role']} | {tell_type(f)} |" for f in shown[:MOST_FIELDS]]
    more = f"\n\n{len(shown) - MOST_FIELDS} more are in `schema.json`."
    head = "## Fields\n\n| field | | values |\n|---|---|---|\n"
    return head + "\n".join(rows) + (more if len(shown) > MOST_FIELDS else "")


def tell_type(field: Mapping[str, Any]) -> str:
    """What a field holds, in words."""
    words, told = field["vocabulary"], str(field["dtype"])
    if field["buckets"]:
        told += f", any word, in {field['buckets']:,} buckets"
    elif words:
        shown = ", ".join(f"`{cell(word)}`" for word in words[:MOST_WORDS])
        told += f": {shown}"
        if len(words) > MOST_WORDS:
            told += f" and {len(words) - MOST_WORDS:,} more"
    if field.get("length"):
        told = f"list of {field['length']}, {told}"
    if field.get("default") is not None:
        told += f"; may be missing, then {field['default']!r}"
    return told


def files_section(facts: CardFacts) -> str:
    """What the run of the version holds."""
    return (
        "## Files\n\n"
        "- `model/`: the MLflow model, which is pulled; in it `artifacts/model.tflite.gzip`,"
        " `artifacts/schema.json` and this card\n"
        "- `float32/model.tflite.gzip`: the uncompressed export\n"
        "- `plan.json`, `report.json`: the round, all of it\n"
        "- `rungs.json`, `pareto.png`: all rungs\n"
        "- `prequential.png`: the rounds before; the first version of each minute has it\n"
        f"- {tell_keras(facts)}"
    )


def tell_keras(facts: CardFacts) -> str:
    """The model for TensorFlow, what it needs, or why there is none."""
    if facts.keras is None:
        return f"no `.keras` file: {facts.why_no_keras}"
    told = (
        f"`keras/model.keras`: the same weights for Keras, {len(facts.keras.content):,} bytes,"
        f" without an optimizer, SHA-256 `{facts.keras.sha256}`; it takes encoded features (words"
        " as codes: their place in the vocabulary, from 1). `keras.saving.load_model` loads it"
    )
    ours = [name.removeprefix(PACKAGE) for name in facts.keras.classes if name.startswith(PACKAGE)]
    theirs = [name for name in facts.keras.classes if not name.startswith(PACKAGE)]
    if ours:
        told += f", after `from millstream import {', '.join(ours)}`"
    if theirs:
        listed = ", ".join(f'"{name}": ...' for name in theirs)
        told += f", with `custom_objects={{{listed}}}`: classes or functions of the model's file"
    return told
