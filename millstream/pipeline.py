"""The parts that one pipeline is made of, put together from its configuration."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import ingest
import registry
from millstream.augmenting import make_steps
from millstream.config.config import Config
from millstream.config.schema import make_field
from millstream.decoding import make_decoder
from millstream.drift.drift import check_watching
from millstream.durable import make_folder, write_json
from millstream.errors import ConfigError
from millstream.fitting import make_callbacks, make_model
from millstream.pipelines.stack import stack_folder
from millstream.prequential.river import RiverBeside
from millstream.publishing.gate import make_gate
from millstream.publishing.kept_champion import Champions, KeptChampion
from millstream.reach import Reach
from millstream.recipe import fingerprint, make_recipe, round_seed
from millstream.remote.mirror import Here, Mirror
from millstream.rounds.past import Past
from millstream.rounds.store import RoundStore
from millstream.sampling import make_sample_settings
from millstream.trainable import check_fits, check_trainable
from millstream.watch.board import Board
from millstream.workers.place import Place, open_place

if TYPE_CHECKING:
    import keras

    import trainer

__all__ = [
    "Pipeline",
    "keep_recipe",
    "make_builder",
    "make_schema",
    "open_pipeline",
    "source_options",
]


@dataclass(frozen=True)
class Pipeline:
    """What the seven steps of a round work with; the records come from elsewhere.

    Attributes:
        reach: whether MLflow answers.
        champions: where the champion comes from that rounds test with.
        workers: all that train the model; one may be alone.
        shared: those again, if a round is made of what they have told each other; else None.
        mirror: where a round has to be before anything depends on it.
    """

    config: Config
    schema: ingest.Schema
    decoder: ingest.Decoder
    steps: tuple[ingest.Step, ...]
    sampling: ingest.SampleSettings
    recipe: dict[str, Any]
    store: RoundStore
    past: Past
    river: RiverBeside
    learner: trainer.Learner | trainer.ElasticLearner
    gate: trainer.ScoreGate
    registry: registry.ModelRegistry
    reach: Reach
    champions: Champions
    board: Board
    workers: trainer.Communicator
    shared: trainer.Communicator | None
    mirror: Mirror = field(default_factory=Here)

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the rounds and publishes them."""
        return self.workers.rank == 0

    @property
    def recipe_fingerprint(self) -> str:
        """Names the settings and code that decide weights."""
        return fingerprint(self.recipe)


def make_schema(config: Config) -> ingest.Schema:
    """The schema that the configuration describes.

    Raises:
        ingest.SchemaError: its fields do not fit together.
    """
    section = config.schema_
    fields = [make_field(name, spec, "feature") for name, spec in section.features.items()]
    label = section.label
    if config.train.task == "binary" and label.type not in {"bool", "category"}:
        label = label.model_copy(update={"min": 0.0, "max": 1.0})
    fields.append(make_field(label.name, label, "label"))
    if section.weight is not None:
        fields.append(ingest.Field(section.weight, "float32", "weight"))
    return ingest.Schema(tuple(fields))


def source_options(config: Config, bootstrap_servers: str) -> dict[str, object]:
    """Options for all that connects to Kafka; files begin in the configuration's folder."""
    files: dict[str, object] = {
        name: str(config.directory / str(config.kafka.options[name]))
        for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_crlfile")
        if name in config.kafka.options
    }
    return {
        "bootstrap_servers": bootstrap_servers,
        "max_batch_bytes": config.kafka.max_batch_bytes,
        **config.kafka.options,
        **files,
    }


def make_builder(
    pipeline: Pipeline, dead_letters: ingest.DeadLetters, start: ingest.Position
) -> ingest.WindowBuilder:
    """The window builder for the records from `start` on."""
    return ingest.WindowBuilder(
        schema=pipeline.schema,
        topics=tuple(sorted(pipeline.config.kafka.topics)),
        decoder=pipeline.decoder,
        dead_letters=dead_letters,
        settings=pipeline.sampling,
        start=start,
    )


def open_pipeline(
    config: Config, tracking_uri: str, board: Board, place: Place | None = None
) -> Pipeline:
    """Build the model, check it against the schema, and put the parts together.

    Args:
        config: the configuration.
        tracking_uri: of the registry.
        board: told what happens.
        place: where this process trains; None to find out.

    Raises:
        trainer.ModelError: the model file or the model cannot be used.
        ingest.SchemaError: the fields do not fit together.
        ConfigError: a field is of a type that the service cannot train on, a file of the format
            cannot be read, or a step of the augmentation or a policy does not fit the schema.
    """
    import trainer

    place = place or open_place(config)
    schema = make_schema(config)
    check_trainable(schema)
    decoder = make_decoder(config, schema)
    sampling = replace(make_sample_settings(config, schema), shared=place.is_shared)
    recipe = make_recipe(config, trainer.source_digest(config.train.model, config.directory))
    learner = make_learner(config, place)
    check_fits(learner.model, schema)
    if config.sample.importance:
        trainer.check_score(learner.model, config.sample.importance.score)
    shared = place.workers if place.is_shared else None
    folder = config.state_dir / "history"
    versions, reach = make_registry(config, tracking_uri), Reach()
    steps = make_steps(config, schema)
    check_watching(config)
    make_folder(config.state_dir / "rounds")
    return Pipeline(
        config=config,
        schema=schema,
        decoder=decoder,
        steps=steps,
        sampling=sampling,
        recipe=recipe,
        store=RoundStore(config.state_dir / "rounds"),
        past=Past(sampling, schema, config.kafka.topics, folder, shared),
        river=RiverBeside(config, schema),
        learner=learner,
        gate=make_gate(config),
        registry=versions,
        reach=reach,
        champions=KeptChampion(versions, config.state_dir / "champion", reach),
        board=board,
        workers=place.workers,
        shared=shared,
    )


def make_learner(config: Config, place: Place) -> trainer.Learner | trainer.ElasticLearner:
    """The learner, with the model that the configuration names.

    Raises:
        trainer.ModelError: model or callbacks cannot be used.
        ConfigError: a setting is for one worker alone.
    """
    import trainer

    seed = round_seed(config.sample.seed, 0)
    callbacks = make_callbacks(config)

    def build() -> keras.Model:
        return make_model(config, seed)

    if not place.is_shared:
        return trainer.Learner(build(), seed, callbacks, config.train.xla)
    if config.train.xla:
        raise ConfigError(
            "train.xla: the step of several workers, and that of determinism ="
            ' "bitwise", is not compiled by XLA; remove it'
        )
    return trainer.ElasticLearner(
        build, place.strategy, place.workers, seed, config.train.determinism, callbacks
    )


def keep_recipe(pipeline: Pipeline) -> None:
    """Store the recipe under its fingerprint, so that a replay can say what has changed since."""
    folder = pipeline.config.state_dir / "recipes"
    make_folder(folder)
    write_json(folder / f"{pipeline.recipe_fingerprint}.json", pipeline.recipe)


def make_registry(config: Config, tracking_uri: str) -> registry.ModelRegistry:
    """The model registry; a local one keeps its artifacts beside its store."""
    local = config.registry.tracking_uri is None
    return registry.ModelRegistry(
        name=config.registry.name,
        tracking_uri=tracking_uri,
        artifact_root=stack_folder(config.state_dir) / "mlartifacts" if local else None,
        experiment=config.registry.experiment or config.registry.name,
    )
