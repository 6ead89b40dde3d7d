"""The checks of `millstream doctor`: each says what it found and, if need be, what to change."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement

import ingest
from ingest.redaction import public_uri
from millstream.augmenting import make_steps, tell_steps
from millstream.checkup_format import check_format, schema_ids, tell_ids
from millstream.config.config import Config
from millstream.decoding import make_decoder
from millstream.fitting import make_callbacks, prepare, tell
from millstream.local import open_kafka, open_registry, require_broker
from millstream.pipeline import make_registry, make_schema, source_options
from millstream.sampling import make_sample_settings
from millstream.trainable import check_fits, check_trainable
from millstream.workers.gpus import MEND, told_gpus

__all__ = ["Finding", "examine"]

LOOKED_AT = 200
MIN_FREE_BYTES = 1 << 30
MENDS = {
    "versions": "pip install -c constraints.txt millstream",
    "disk": "choose another service.state_dir",
    "devices": MEND,
    "model": "correct the model file, or train.model and [schema] in millstream.toml",
    "format": "correct [format] and its files, install what it needs, or start its schema registry",
    "augment": "correct [[augment.steps]] and the files of its own functions",
    "sample": "correct [sample] and [history], and the files of their functions",
    "holdout": "correct [trigger], [sample] and [registry]",
    "broker": "start the broker (`millstream up`), or correct kafka.bootstrap_servers and"
    " kafka.options",
    "records": "once format and broker are well, run it again; else correct kafka.topics and"
    " [schema]",
    "registry": "start the MLflow server, or correct registry.tracking_uri",
}


@dataclass(frozen=True)
class Finding:
    """One check: `mend` is empty when all is well."""

    check: str
    found: str
    mend: str = ""

    @property
    def well(self) -> bool:
        """Whether there is nothing to change."""
        return not self.mend


class UnwellError(Exception):
    """A check's way to say what it found and what to change."""

    def __init__(self, found: str, mend: str) -> None:
        super().__init__(found)
        self.found, self.mend = found, mend


def examine(config: Config) -> Iterator[Finding]:
    """Run all checks, one after the other; none raises."""
    checks: dict[str, Callable[[Config], str]] = {
        "versions": check_versions,
        "disk": check_disk,
        "devices": check_devices,
        "format": check_format,
        "model": check_model,
        "augment": check_augment,
        "sample": check_sample,
        "holdout": check_holdout,
        "broker": check_broker,
        "records": check_records,
        "registry": check_registry,
    }
    for name, check in checks.items():
        try:
            yield Finding(name, check(config))
        except UnwellError as problem:
            yield Finding(name, problem.found, problem.mend)
        except Exception as error:  # noqa: BLE001 - whatever breaks a check is its finding
            yield Finding(name, describe(error), MENDS[name])


def describe(error: Exception) -> str:
    """The first line of what an error says, or else its name."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def check_versions(_: Config) -> str:
    """Whether the installed packages are those that millstream asks for."""
    wrong = []
    for text in metadata.requires("millstream") or []:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            installed = "nothing"
        if installed == "nothing" or not wanted.specifier.contains(installed, prereleases=True):
            wrong.append(f"{wanted.name}: expected {wanted.specifier}, got {installed}")
    if wrong:
        raise UnwellError("; ".join(wrong), "pip install -c constraints.txt millstream")
    names = ("tensorflow", "keras", "kafka-python", "mlflow")
    return ", ".join(f"{name} {metadata.version(name)}" for name in names)


def check_disk(config: Config) -> str:
    """Whether the state folder has room."""
    folder = config.state_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    found = f"{free / 2**30:.1f} GiB free for {config.state_dir}"
    if free < MIN_FREE_BYTES:
        raise UnwellError(found, "free at least 1 GiB, or choose another service.state_dir")
    return found


def check_devices(_: Config) -> str:
    """Whether the GPUs that there are are trained on."""
    import trainer

    return f"trains on {told_gpus(trainer.gpu_names())}"


def check_model(config: Config) -> str:
    """Whether the model builds and reads features of the schema."""
    import trainer

    schema = make_schema(config)
    check_trainable(schema)
    made = prepare(config)
    model, told = made.model, tell(made)
    make_callbacks(config)
    check_fits(model, schema)
    if config.sample.importance:
        trainer.check_score(model, config.sample.importance.score)
    found = f"{config.train.model}: {model.count_params():,} parameters, inputs fit the schema"
    return f"{found}; {told}" if told else found


def check_augment(config: Config) -> str:
    """Whether the steps of the augmentation fit the schema."""
    steps = make_steps(config, make_schema(config))
    return f"{tell_steps(config)}{': they fit the schema' if steps else ''}"


def check_sample(config: Config) -> str:
    """Whether the policies of window and history fit the schema."""
    make_sample_settings(config, make_schema(config))
    window, past = config.sample, config.history
    found = f"{window.policy.kind}, {window.window:,} rows"
    return f"{found}; history: {f'{past.policy.kind}, {past.rows:,} rows' if past.rows else 'none'}"


def check_holdout(config: Config) -> str:
    """Whether a round of the usual size has test rows enough for a promotion."""
    records, wanted = config.trigger.records, config.registry.min_rows
    share, most = config.sample.holdout / 2, config.sample.holdout_rows
    if records is None:
        return f"trigger.records is not set; a promotion needs {wanted / share:,.0f} records"
    rows = min(records * share, most)
    found = f"about {rows:,.0f} test rows a round, registry.min_rows is {wanted:,}"
    if rows < wanted:
        raise UnwellError(
            f"{found}: nothing will ever be promoted",
            f"raise trigger.records to {math.ceil(wanted / share):,} or sample.holdout, or lower"
            " registry.min_rows"
            if most >= wanted
            else f"raise sample.holdout_rows to {wanted:,}, or lower registry.min_rows",
        )
    return found


def check_broker(config: Config) -> str:
    """Whether the broker answers and has the topics."""
    from kafka.admin import KafkaAdminClient

    servers = require_broker(config)
    options = source_options(config, servers)
    with open_kafka(KafkaAdminClient, "look for the topics", options) as admin:
        missing = sorted(set(config.kafka.topics) - set(admin.list_topics()))
    if missing:
        raise UnwellError(
            f"{servers}: no topic {', '.join(missing)}",
            "create it, or correct kafka.topics; `millstream publish` creates a topic",
        )
    return f"{servers}: topics {', '.join(config.kafka.topics)}"


def check_records(config: Config) -> str:
    """Whether the newest records fit the schema."""
    options = source_options(config, require_broker(config))
    source = ingest.KafkaSource(config.kafka.topics, options)
    try:
        end, beginning = source.end(), source.beginning()
        tail = {
            topic: {
                partition: max(beginning.get(topic, partition) or 0, offset - LOOKED_AT)
                for t, partition, offset in end.items()
                if t == topic
            }
            for topic in config.kafka.topics
        }
        source.seek(ingest.Position(tail))
        good, reasons, ids = decode_until(source, end, config)
    finally:
        source.close()
    bad = sum(reasons.values())
    if bad == 0:
        found = f"the newest {good:,} records fit the schema{tell_ids(ids)}"
        return found if good else "no records yet"
    reason, count = reasons.most_common(1)[0]
    raise UnwellError(
        f"{bad:,} of the newest {good + bad:,} records are bad, {count:,} times: {reason}"
        f"{tell_ids(ids)}",
        "correct [format], [schema] or the producer; bad records go to the dead-letter topic",
    )


def decode_until(
    source: ingest.KafkaSource, end: ingest.Position, config: Config
) -> tuple[int, Counter[str], set[int]]:
    """Decode what lies before `end`: good rows, the reasons of the others, and schemas' ids."""
    decoder = make_decoder(config, make_schema(config))
    good, reasons, ids = 0, Counter[str](), set[int]()
    while any((source.position().get(t, p) or 0) < offset for t, p, offset in end.items()):
        for batch in source.poll(1.0):
            decoded = decoder.decode(batch)
            ids |= schema_ids(config, batch)
            good += len(decoded.good)
            reasons.update(bad.reason for bad in decoded.bad)
    return good, reasons, ids


def check_registry(config: Config) -> str:
    """Whether the registry answers."""
    uri = open_registry(config)
    found = make_registry(config, uri).versions()
    champions = [item.version for item in found if "champion" in item.aliases]
    champion = f"champion is version {champions[0]}" if champions else "no champion yet"
    return f"{public_uri(uri)}: {len(found)} versions of {config.registry.name}, {champion}"
