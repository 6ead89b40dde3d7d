"""Sounds to augment: chirps and vowels, made of sines."""

from __future__ import annotations

import numpy as np

from ingest import Schema
from ingest.augment.augmentation import Context, TrainingBatch
from ingest.field import Field

RATE = 8000
SEEDS = np.random.default_rng(8).integers(0, 2**64, 4000, np.uint64)


def chirp(low: float, high: float, samples: int = RATE) -> np.ndarray:
    """A tone that rises evenly from one frequency to the other (Hz)."""
    time = np.arange(samples) / RATE
    phase = low * time + (high - low) * time**2 / (2 * samples / RATE)
    return (0.5 * np.sin(2 * np.pi * phase)).astype(np.float32)


def speech(samples: int = RATE, seed: int = 0) -> np.ndarray:
    """Four syllables: a buzz of falling pitch, shaped by three formants each, then a pause."""
    drawn = np.random.default_rng(seed)
    parts = []
    for first, second in drawn.permutation([(730, 1090), (270, 2290), (300, 870), (530, 1840)]):
        time = np.arange(samples // 4) / RATE
        pitch = 130 - 30 * time / time[-1]
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        wave = np.zeros_like(time)
        for harmonic in range(1, 28):
            tone = harmonic * 115.0
            strength = sum(np.exp(-(((tone - f) / 120) ** 2)) for f in (first, second, 2600))
            wave += (strength + 0.02) / harmonic**0.5 * np.sin(harmonic * phase)
        envelope = np.clip(np.sin(np.pi * time / (time[-1] * 0.8)), 0, None) ** 0.5
        parts.append(wave * envelope)
    whole = np.concatenate([*parts, np.zeros(samples - 4 * (samples // 4))])
    return (0.5 * whole / np.abs(whole).max() + 0.0).astype(np.float32)


def waves(rows: int, samples: int) -> np.ndarray:
    """Chirps and syllables in turn, some softer than others."""
    drawn = np.random.default_rng(4)
    made = [
        chirp(*drawn.uniform(100, 3000, 2), samples) if row % 2 else speech(samples, row)
        for row in range(rows)
    ]
    return np.stack(made) * drawn.uniform(0.1, 1, (rows, 1)).astype(np.float32)


def context(column: np.ndarray, schema: Schema | None = None) -> Context:
    """Rows with one feature, "sound", and a label."""
    length = int(np.prod(column.shape[1:]))
    plain = Schema((Field("sound", "float32", length=length), Field("word", "int32", "label")))
    labels = np.arange(len(column), dtype=np.int32)
    return Context(schema or plain, {"sound": column, "other": labels.astype(np.float32)}, labels)


def augmented(augmentation, column: np.ndarray, schema: Schema | None = None) -> np.ndarray:
    """What an augmentation makes of rows of "sound"."""
    import tensorflow as tf

    rows = context(column, schema)
    batch = TrainingBatch(
        {name: tf.constant(value) for name, value in rows.features.items()},
        tf.constant(rows.label),
        tf.constant(SEEDS[: len(column)]),
        tf.range(len(column), dtype=tf.int64),
    )
    after = augmentation.bind(rows)(batch)
    assert np.array_equal(after.label, rows.label)
    assert np.array_equal(after.features["other"], rows.features["other"])
    return after.features["sound"].numpy()
