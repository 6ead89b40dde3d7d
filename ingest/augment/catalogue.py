"""All kinds of augmentation by the names that users type."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ingest.augment.audio.gain import Gain
from ingest.augment.audio.masks import FrequencyMask, TimeMask
from ingest.augment.audio.noise import WhiteNoise
from ingest.augment.audio.shift import TimeShift
from ingest.augment.audio.speed import Speed
from ingest.augment.augmentation import Augmentation
from ingest.augment.image.crop import Crop
from ingest.augment.image.cutmix import CutMix
from ingest.augment.image.cutout import Cutout
from ingest.augment.image.flip import Flip
from ingest.augment.image.light import Brightness, Contrast
from ingest.augment.image.rand_augment import RandAugment
from ingest.augment.image.rotate import Rotate
from ingest.augment.image.shift import PadCrop, Shift
from ingest.augment.image.tint import Hue, Saturation
from ingest.augment.image.zoom import Zoom
from ingest.augment.mixup import MixUp
from ingest.augment.series.crop import WindowCrop
from ingest.augment.series.noise import Jitter, Scaling
from ingest.augment.series.warp import MagnitudeWarp, TimeWarp
from ingest.augment.tabular.dropout import FeatureDropout
from ingest.augment.tabular.noise import GaussianNoise
from ingest.augment.tabular.smote import Smote
from ingest.augment.tabular.swap import CategorySwap
from ingest.augment.tokens.dropout import TokenDropout, TokenReplacement
from ingest.augment.tokens.swap import TokenSwap
from ingest.errors import SettingsError

__all__ = ["KINDS", "MODALITIES", "make_augmentation"]

Kinds = Mapping[str, type[Any]]

MODALITIES: Mapping[str, Kinds] = {
    "images": {
        "flip": Flip,
        "shift": Shift,
        "pad_crop": PadCrop,
        "crop": Crop,
        "rotate": Rotate,
        "zoom": Zoom,
        "brightness": Brightness,
        "contrast": Contrast,
        "saturation": Saturation,
        "hue": Hue,
        "cutout": Cutout,
        "cutmix": CutMix,
        "rand_augment": RandAugment,
    },
    "tables": {
        "gaussian_noise": GaussianNoise,
        "feature_dropout": FeatureDropout,
        "category_swap": CategorySwap,
        "mixup": MixUp,
        "smote": Smote,
    },
    "waves": {
        "time_shift": TimeShift,
        "gain": Gain,
        "white_noise": WhiteNoise,
        "speed": Speed,
    },
    "spectrograms": {
        "time_mask": TimeMask,
        "frequency_mask": FrequencyMask,
    },
    "series": {
        "jitter": Jitter,
        "scaling": Scaling,
        "window_crop": WindowCrop,
        "time_warp": TimeWarp,
        "magnitude_warp": MagnitudeWarp,
    },
    "texts": {
        "token_dropout": TokenDropout,
        "token_replacement": TokenReplacement,
        "token_swap": TokenSwap,
    },
}
"""The kinds, by what they are for; `mixup` is for all that is not a text."""
KINDS: Kinds = {name: kind for kinds in MODALITIES.values() for name, kind in kinds.items()}
WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    NoneType: "nothing",
}


def make_augmentation(kind: str, parameters: Mapping[str, object]) -> Augmentation:
    """The augmentation of a kind.

    Args:
        kind: one of `KINDS`.
        parameters: of its class, by name, as plain values; lists for sequences.

    Raises:
        SettingsError: there is no such kind or parameter, or a value is of another type or out of
            range. Each text tells what to change.
    """
    if kind not in KINDS:
        raise SettingsError(f'augment: unknown kind "{kind}"; {_near(kind, KINDS)}')
    made = KINDS[kind]
    known = {field.name: field for field in fields(made)}
    types = get_type_hints(made)
    for name, value in parameters.items():
        if name not in known:
            raise SettingsError(f"augment.{kind}.{name}: unknown parameter; {_near(name, known)}")
        if not _fits(value, types[name]):
            raise SettingsError(
                f"augment.{kind}.{name}: expected {_told(types[name])}, got {value!r}"
            )
    for name, field in known.items():
        if name not in parameters and field.default is MISSING:
            raise SettingsError(f"augment.{kind}.{name}: missing; it has no default")
    plain = {n: tuple(v) if isinstance(v, list) else v for n, v in parameters.items()}
    augmentation: Augmentation = made(**plain)
    return augmentation


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f'did you mean "{close[0]}"?' if close else f"known: {', '.join(sorted(known))}"


def _fits(value: object, expected: Any) -> bool:
    """Whether a plain value is of the type of a parameter."""
    kind, parts = get_origin(expected), get_args(expected)
    if kind in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if kind is Literal:
        return value in parts
    if kind is Sequence:
        return isinstance(value, list | tuple) and all(_fits(item, parts[0]) for item in value)
    if isinstance(value, bool) or expected is bool:
        return isinstance(value, bool) and expected is bool
    if expected is float:
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, expected)


def _told(expected: Any) -> str:
    """The type of a parameter, in words."""
    kind, parts = get_origin(expected), get_args(expected)
    if kind in (Union, UnionType):
        return " or ".join(_told(part) for part in parts if part is not NoneType)
    if kind is Literal:
        return " or ".join(f'"{part}"' for part in parts)
    if kind is Sequence:
        return f"a list, each {_told(parts[0])}"
    return WORDS[expected]
