"""How ingest samples, as the configuration says, and what of that belongs to a recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ingest
from millstream.config.config import Config
from millstream.config.sample import PolicySpec
from millstream.errors import ConfigError

if TYPE_CHECKING:
    from ingest.ragged import Column
    from ingest.sampling.weighted import WeightFunction

__all__ = ["make_sample_settings", "sample_recipe"]

DIGITS = 16  # of a digest, so that a person can tell two functions apart
OF_OLD = {"seed", "window", "holdout", "holdout_rows"}


def make_sample_settings(config: Config, schema: ingest.Schema) -> ingest.SampleSettings:
    """How ingest samples a window, and what it keeps for the histories.

    Where rows are drawn by importance, the window is the larger sample that they are drawn from.

    Raises:
        ConfigError: a policy does not fit the schema, or its function cannot be loaded.
    """
    section, kept = config.sample, config.history
    past = ingest.PastSettings(
        rows=max(kept.rows, 1),
        most_bytes=kept.bytes,
        policy=make_policy(config, kept.policy, schema, "history.policy", kept.bytes),
        holdout_rows=kept.holdout_rows,
    )
    more = section.importance.pre_sample if section.importance else 1.0
    return ingest.SampleSettings(
        seed=section.seed,
        window=math.ceil(more * section.window),
        holdout=section.holdout,
        holdout_rows=section.holdout_rows,
        policy=make_policy(config, section.policy, schema, "sample.policy"),
        past=past if kept.rows else None,
    )


def make_policy(
    config: Config,
    spec: PolicySpec,
    schema: ingest.Schema,
    place: str,
    most_bytes: int | None = None,
) -> ingest.SamplePolicy:
    """The policy that a table describes.

    Args:
        config: where the table is.
        spec: the table.
        schema: of the rows.
        place: of the table, for errors.
        most_bytes: that the sample may have.

    Raises:
        ConfigError: it does not fit the schema or the bytes, or its function cannot be loaded.
    """
    try:
        policy = _policy(config, spec, schema, place)
        policy.selection(1, 0, schema, most_bytes)
    except (ingest.SettingsError, ingest.SchemaError) as error:
        raise ConfigError(f"{place}: {error}") from error
    return policy


def _policy(
    config: Config, spec: PolicySpec, schema: ingest.Schema, place: str
) -> ingest.SamplePolicy:
    if spec.kind == "weighted":
        return ingest.SamplePolicy(_weighted(config, str(spec.weight), place))
    if spec.kind == "recent":
        return ingest.SamplePolicy(
            ingest.Recent(spec.half_life_s, spec.half_life_records, spec.time)
        )
    if spec.kind == "balanced":
        balanced = ingest.Balanced.of(schema, spec.by, spec.cap, spec.shares)
        return ingest.SamplePolicy(allocation=balanced)
    if spec.kind == "stratified":
        stratified = ingest.Stratified.of(schema, str(spec.by), spec.least or 1)
        return ingest.SamplePolicy(allocation=stratified)
    return ingest.SamplePolicy()


def _weighted(config: Config, weight: str, place: str) -> ingest.Weighted:
    if ":" not in weight:
        return ingest.Weighted(weight)
    import trainer

    try:
        function: Any = trainer.load_builder(weight, config.directory)
        digest = trainer.source_digest(weight, config.directory)
    except trainer.ModelError as error:
        raise ConfigError(f"{place}.weight: {error}") from error
    own = _told(function, weight, place)
    return ingest.Weighted(function=own, name=f"{weight}, {digest[:DIGITS]}")


def _told(function: WeightFunction, name: str, place: str) -> WeightFunction:
    """The user's function, whose errors say where it comes from."""

    def weights(columns: Mapping[str, Column]) -> Any:
        try:
            return function(columns)
        except Exception as error:
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            raise ingest.SamplerError(
                f"{place}.weight: {name} failed: {what}; it gets the columns of some records by"
                " name, and gives a weight for each record"
            ) from error

    return weights


def sample_recipe(config: Config) -> dict[str, Any]:
    """What decides the samples, as plain data, with the digests of the files of functions.

    Keys that came after the first rounds are there only if they are set, so that the recipes of
    rounds that knew nothing of them stay the same.

    Raises:
        ConfigError: the file of a function cannot be read.
    """
    sample, history = config.sample, config.history
    told = sample.model_dump(mode="json", include=OF_OLD)
    told |= sample.model_dump(mode="json", exclude_defaults=True, exclude=OF_OLD)
    if sample.importance:
        told["importance"] = sample.importance.model_dump(mode="json")
    described = {"sample": told | _source(config, sample.policy, "sample.policy")}
    if history.rows:
        kept = history.model_dump(mode="json", exclude_none=True)
        kept["policy"] = history.policy.model_dump(mode="json", exclude_defaults=True)
        described["history"] = kept | _source(config, history.policy, "history.policy")
    return described


def _source(config: Config, spec: PolicySpec, place: str) -> dict[str, str]:
    """The digest of the file of a policy's function; nothing if it has none."""
    if spec.weight is None or ":" not in spec.weight:
        return {}
    import trainer

    try:
        return {"weight_source": trainer.source_digest(spec.weight, config.directory)}
    except trainer.ModelError as error:
        raise ConfigError(f"{place}.weight: {error}") from error
