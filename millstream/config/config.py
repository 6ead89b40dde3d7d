"""The configuration file `millstream.toml`, parsed into frozen models that refuse unknown keys.

Strings may refer to secrets and settings outside of the file: `${NAME}` is replaced by the
environment variable NAME, `${file:PATH}` by the content of a file. Secrets are only accepted in
that form, and are never printed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from ingest.redaction import redacted
from millstream.config.augment import AugmentConfig
from millstream.config.checks import (
    check_dead_letters,
    check_model_name,
    check_options,
    check_otlp,
    check_servers,
    check_topics,
)
from millstream.config.compress import CompressConfig
from millstream.config.drift import DriftConfig, check_drift
from millstream.config.format import FormatConfig
from millstream.config.gate import Compare, GateConfig, check_gate
from millstream.config.page import PageConfig
from millstream.config.prequential import PrequentialConfig, check_slices
from millstream.config.sample import HistoryConfig, SampleConfig
from millstream.config.schema import SchemaConfig
from millstream.config.section import Count, Section, Share
from millstream.config.text import expand, explain, read_toml
from millstream.config.train import TrainConfig
from millstream.config.trigger import TriggerConfig
from millstream.errors import ConfigError
from millstream.remote.address import check_state_dir, is_remote

__all__ = [
    "CompressConfig",
    "Config",
    "KafkaConfig",
    "RegistryConfig",
    "ServiceConfig",
    "TrainConfig",
    "TriggerConfig",
    "load_config",
]

METRICS = {
    "binary": ("auc", "accuracy", "log_loss"),
    "multiclass": ("accuracy", "log_loss"),
    "regression": ("rmse", "mae", "r2"),
}


class KafkaConfig(Section):
    """Where the records come from, and where bad ones go."""

    topics: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(check_topics)]
    bootstrap_servers: Annotated[str | None, AfterValidator(check_servers)] = None
    start: Literal["earliest", "latest"] = "earliest"
    group_id: str | None = None
    dead_letter_topic: str = Field("{topic}.dead-letters", validate_default=True)
    max_bad_ratio: Share = 0.5
    bad_ratio_min_records: Count = 1000
    check: Literal["auto", "all"] = "auto"
    backlog_records: Count = 1_000_000
    max_record_bytes: Count = 1_000_000
    max_batch_bytes: Count = 128 << 20
    options: Annotated[dict[str, JsonValue], AfterValidator(check_options)] = Field(
        default_factory=dict, repr=False
    )

    @field_serializer("options")
    def _without_secrets(self, options: dict[str, JsonValue]) -> dict[str, JsonValue]:
        return redacted(options)

    @field_validator("dead_letter_topic")
    @classmethod
    def _names_another_topic(cls, value: str, info: ValidationInfo) -> str:
        return check_dead_letters(value, info.data.get("topics", ()))


class RegistryConfig(Section):
    """Where versions go, and when one becomes the champion."""

    name: Annotated[str, AfterValidator(check_model_name)]
    tracking_uri: str | None = Field(None, repr=False)
    experiment: str | None = None
    min_gain: float = 0.0
    min_rows: Count = 100
    keep_versions: Count | None = None
    max_waiting: Count = 100


class ServiceConfig(Section):
    """Where the service keeps its state, and for how long."""

    state_dir: Annotated[str, AfterValidator(check_state_dir)] = ".millstream"
    local_dir: Path = Path(".millstream")
    keep_rounds: Count = 20
    max_unsaved_rounds: Count = 10
    lease_seconds: Annotated[float, Field(gt=0)] = 60.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["human", "json"] = "human"
    otlp_endpoint: Annotated[str | None, AfterValidator(check_otlp)] = None


class Config(Section):
    """One millstream.toml. `directory` is the folder it lies in; relative paths start there."""

    kafka: KafkaConfig
    format: FormatConfig = FormatConfig()
    schema_: SchemaConfig = Field(alias="schema")
    sample: SampleConfig = SampleConfig()
    history: HistoryConfig = HistoryConfig()
    augment: AugmentConfig = AugmentConfig()
    train: TrainConfig
    trigger: TriggerConfig
    drift: DriftConfig = DriftConfig()
    compress: CompressConfig = CompressConfig()
    registry: RegistryConfig
    gate: GateConfig = GateConfig()
    prequential: PrequentialConfig = PrequentialConfig()
    page: PageConfig = PageConfig()
    service: ServiceConfig = ServiceConfig()
    directory: Path = Field(default=Path(), exclude=True)
    _file: Path | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _metric_fits_task(self) -> Config:
        known = METRICS[self.train.task]
        if self.train.metric is not None and self.train.metric not in known:
            raise ValueError(
                f"train.metric: expected one of {', '.join(known)} for task"
                f' "{self.train.task}", got "{self.train.metric}"'
            )
        return self

    @model_validator(mode="after")
    def _gate_fits(self) -> Config:
        check_gate(
            self.gate,
            metrics=METRICS[self.train.task],
            features=self.schema_.features,
            bins=self.prequential.slice_bins,
            has_min_gain="min_gain" in self.registry.model_fields_set,
        )
        return self

    @property
    def compare(self) -> Compare:
        """How versions are compared: as `[gate]` says, else by scores if `min_gain` is set."""
        usual: Compare = "score" if "min_gain" in self.registry.model_fields_set else "non_inferior"
        return self.gate.compare or usual

    @model_validator(mode="after")
    def _slices_fit(self) -> Config:
        check_slices(self.prequential, self.train.task, self.schema_.features)
        check_drift(self)
        return self

    @model_validator(mode="after")
    def _state_can_be_restored(self) -> Config:
        given = {
            "kafka.bootstrap_servers": self.kafka.bootstrap_servers,
            "registry.tracking_uri": self.registry.tracking_uri,
        }
        for name, value in given.items():
            if self.remote is not None and value is None:
                raise ValueError(
                    f"{name}: expected an address, as service.state_dir is one; the broker and the"
                    " registry that millstream starts by itself would be lost with the disk"
                )
        return self

    @property
    def state_dir(self) -> Path:
        """The absolute state folder: the local one, of a state that is kept in an object store."""
        section = self.service
        folder = section.state_dir if self.remote is None else section.local_dir
        return (self.directory / folder).absolute()

    @property
    def file(self) -> Path | None:
        """The file that these settings were read from; None if they come from none."""
        return self._file

    def of_file(self, file: Path | None) -> Config:
        """These settings, as read from that file."""
        settings = self.model_copy()
        settings._file = None if file is None else file.absolute()
        return settings

    @property
    def remote(self) -> str | None:
        """The address in an object store that the state is kept at; None for a mere folder."""
        return self.service.state_dir if is_remote(self.service.state_dir) else None

    @property
    def metric(self) -> str:
        """The metric of the gate: the configured one, or the task's usual one."""
        return self.train.metric or METRICS[self.train.task][0]

    @property
    def max_output_difference(self) -> float | None:
        """How far a prediction may move by compression: 0.2 of a probability by default.

        For regression it is in the label's unit, so there is no default.
        """
        usual = None if self.train.task == "regression" else 0.2
        configured = self.compress.max_output_difference
        return usual if configured is None else configured

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of all settings but those that may hold secrets, and the page's."""
        plain = self.model_dump_json(
            exclude={"kafka": {"options"}, "format": {"schema_registry": True}, "page": True}
        )
        return hashlib.sha256(plain.encode()).hexdigest()

    @property
    def group_id(self) -> str:
        """The consumer group that lag tools see."""
        return self.kafka.group_id or f"millstream.{self.registry.name}"


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises:
        ConfigError: the file is missing, is not TOML, is one of several pipelines, names an unset
            variable, or does not fit the models above. One line per fault, each with place,
            expected, got and the mend.
    """
    raw = expand(_parse(path), source=path.name)
    try:
        config = Config.model_validate({**raw, "directory": path.parent.absolute()})
    except ValidationError as error:
        raise ConfigError(explain(error, Config, source=path.name)) from error
    return config.of_file(path)


def _parse(path: Path) -> dict[str, Any]:
    raw = read_toml(path, "`millstream init DIR` writes one that runs as it is")
    if "pipelines" in raw:
        raise ConfigError(
            f"{path.name}: expected the configuration of one pipeline, got a file of several;"
            " name one of them with -c, or take all with --all, which run, up and status know"
        )
    if "directory" in raw:
        raise ConfigError(f'{path.name}: "directory": unknown section')
    return raw
