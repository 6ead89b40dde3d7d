"""The ladder for a `.keras` file and a file of rows: no service, no Kafka, no MLflow."""

from __future__ import annotations

import gzip
import runpy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from millstream.config.compress import CompressConfig
from millstream.durable import make_folder, write_bytes
from millstream.errors import ConfigError, UsageError
from millstream.rungs.choice import choose_rung
from millstream.rungs.data import read_data
from millstream.rungs.measured import FLOAT32, Measured
from millstream.rungs.measuring import score_rungs, with_costs
from millstream.rungs.pareto import draw_pareto
from millstream.rungs.report import tell_rungs, write_rungs
from millstream.rungs.reverting import revert
from millstream.rungs.task import loss_of, metric_of, task_of
from registry import Examples, Subject, export_float32, named_inputs
from registry.compress import BYTES, CHANGES, Sharing

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    import trainer

__all__ = ["Compressed", "FileOptions", "compress_file", "make_section"]

USUAL = {
    "rungs": [*BYTES, *(f"{change}_{last}" for change in CHANGES for last in ("int8", "int4"))],
    "fine_tune_epochs": 10,
    "sparsity": 0.5,
}


@dataclass(frozen=True)
class FileOptions:
    """What to compress, and how.

    Attributes:
        model: the `.keras` file.
        data: CSV, Parquet or `.npz`; see `millstream.rungs.data`.
        label: name of the label's column.
        task: see `task_of`.
        metric: that decides; None: the usual one of the task.
        code: a Python file that registers the model's own layers; it is run.
        test_share: of the rows, that judge.
        seed: of whatever a rung draws.
    """

    model: Path
    data: Path
    label: str = "label"
    task: str | None = None
    metric: str | None = None
    code: Path | None = None
    test_share: float = 0.3
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Compressed:
    """What became of it.

    Attributes:
        chosen: the rung to use.
        rungs: entries of `millstream.rungs.report.tell_rungs`.
        metric: that decided.
        test_rows: how many rows judged.
    """

    chosen: Measured
    rungs: list[dict[str, Any]]
    metric: str
    test_rows: int


def compress_file(options: FileOptions, section: CompressConfig, out: Path) -> Compressed:
    """Climb the ladder and write `model.tflite`, `model.tflite.gz`, `rungs.json`, `pareto.png`.

    Args:
        options: what.
        section: which rungs, and what may be lost.
        out: the folder; made if it is not there.

    Raises:
        ConfigError: a file cannot be used.
        UsageError: there is no such task, or the task has no such metric.
        registry.ExportError: the model cannot be exported.
        trainer.MetricError: labels or predictions do not fit the task.
    """
    import trainer

    model = load_model(options.model, options.code)
    if len(model.outputs) != 1:
        raise ConfigError(
            f"{options.model}: expected a model of one output, got {len(model.outputs)}; a ladder"
            " for several needs scores of your own: registry.ladder"
        )
    task = task_of(model, options.task)
    metric = metric_of(task, options.metric)
    data = read_data(options.data, named_inputs(model), options.label, options.test_share)
    shared = Sharing(
        Subject(export_float32(model), model, loss_of(model, task), data.examples, options.seed)
    )
    test = data.test
    gate = trainer.ScoreGate(
        metric=metric,
        max_loss=section.max_loss,
        max_output_difference=section.max_output_difference,
        min_rows=1,
        compare="paired",
    )

    def score(output: NDArray[np.float32]) -> dict[str, float]:
        return trainer.score(task, test.labels, output, test.weights)

    scored, skipped = score_rungs(section, shared, test.features, score)
    evidence = evidence_of(task, test, scored[FLOAT32])
    mended = revert(section, gate, shared, scored, test.features, score, evidence)
    measured = with_costs(section, mended, test.features)
    choice = choose_rung(section, gate, measured, evidence)
    rungs = tell_rungs(measured, choice, skipped, {})
    found = Compressed(choice.chosen, rungs, metric, len(test))
    write(found, section, out)
    return found


def evidence_of(
    task: trainer.Task, test: Examples, float32: Measured
) -> Callable[[Measured], trainer.Evidence]:
    """From a rung to what decides on it."""
    import trainer

    def of(one: Measured) -> trainer.Evidence:
        answers = trainer.Answers(
            task, test.labels, one.output, float32=float32.output, weights=test.weights
        )
        return trainer.Evidence(
            one.scores, float32.scores, None, one.difference, len(test), answers=answers
        )

    return of


def write(found: Compressed, section: CompressConfig, out: Path) -> None:
    """Write the chosen bytes and what is told of all."""
    import trainer

    make_folder(out)
    tflite = found.chosen.artifact.tflite
    write_bytes(out / "model.tflite", tflite)
    write_bytes(out / "model.tflite.gz", gzip.compress(tflite, 9, mtime=0))
    write_rungs(out / "rungs.json", section.objective, found.metric, found.rungs)
    draw_pareto(
        found.rungs,
        found.metric,
        out / "pareto.png",
        higher_is_better=trainer.higher_is_better(found.metric),
    )


def load_model(path: Path, code: Path | None) -> keras.Model:
    """Read a model, without its optimizer; no code in the file is run.

    Raises:
        ConfigError: it cannot be read.
    """
    import keras

    import trainer  # noqa: F401 - registers its layers

    if code is not None:
        run_code(code)
    try:
        return keras.saving.load_model(path, compile=True, safe_mode=True)
    except Exception as error:
        raise ConfigError(
            f"{path}: cannot be read as a Keras model: {str(error).splitlines()[0][:300]}; layers"
            " of your own are found with --code FILE.py, which registers them"
        ) from error


def make_section(settings: Sequence[str]) -> CompressConfig:
    """The settings of the ladder, as a configuration file's, from texts of the form `key=value`.

    Without any, all rungs are tried, and those that must train do.

    Raises:
        UsageError: a key is not known or of no use here, or its value is out of range.
    """
    given: dict[str, Any] = dict(USUAL)
    for text in settings:
        key, sign, value = text.partition("=")
        if not sign:
            raise UsageError(f"--set: expected key=value, got {text}")
        name = key.strip()
        if name == "examples":
            raise UsageError(
                "--set examples: all rows that do not judge are examples; leave it out"
            )
        given[name] = value.split(",") if name == "rungs" else value.strip()
    try:
        return CompressConfig.model_validate(given, strict=False)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}".lstrip(": ") for e in error.errors()]
        raise UsageError("\n".join(f"--set {line}" for line in told)) from error


def run_code(path: Path) -> None:
    """Run a file of the user's that registers layers.

    Raises:
        ConfigError: it fails.
    """
    try:
        runpy.run_path(str(path), run_name="millstream_layers")
    except Exception as error:
        raise ConfigError(f"{path}: {type(error).__name__}: {error}") from error
