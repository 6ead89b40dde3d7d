"""Workers that were told different things are refused before they could do different things."""

from __future__ import annotations

import hashlib

from ingest import Workers
from millstream.config.config import Config
from millstream.recipe import fingerprint, make_recipe
from millstream.workers.together import check_same

__all__ = ["check_told_alike", "settings_digest"]

# Addresses and folders may have other names on other machines, and secrets are not to be told.
ELSEWHERE = {
    "kafka": {"bootstrap_servers", "options"},
    "format": {"schema_registry"},
    "registry": {"tracking_uri"},
    "service": {"state_dir", "local_dir", "log_level", "log_format", "otlp_endpoint"},
}


def check_told_alike(config: Config, options: str, workers: Workers) -> None:
    """Check that all workers have the same configuration, model file and options.

    Whether a round begins, and what of it they tell each other, follows from these.

    Args:
        config: of this worker.
        options: of the command, in words.
        workers: all of them call it.

    Raises:
        WorkersError: they have not the same.
        trainer.ModelError: the model file cannot be read.
    """
    if workers.size == 1:
        return
    import trainer

    recipe = make_recipe(config, trainer.source_digest(config.train.model, config.directory))
    told = settings_digest(config) + fingerprint(recipe) + options
    digest = hashlib.sha256(told.encode()).hexdigest()
    check_same("configuration, model file and options", digest, workers)


def settings_digest(config: Config) -> str:
    """SHA-256 (hex) of the settings that are to be the same on all workers."""
    told = config.model_dump_json(exclude=ELSEWHERE) + str(config.remote)
    return hashlib.sha256(told.encode()).hexdigest()
