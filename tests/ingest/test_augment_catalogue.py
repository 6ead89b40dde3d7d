"""The catalogue: what can be made of plain parameters, and what a person reads otherwise."""

from __future__ import annotations

from dataclasses import fields

import pytest

from ingest import SettingsError, make_augmentation
from ingest.augment.catalogue import KINDS
from ingest.augment.image.flip import Flip
from ingest.augment.mixup import MixUp
from ingest.augment.tabular.smote import Smote


def needed(kind: str) -> dict[str, object]:
    """The parameters without a default: only the feature has none."""
    return {"feature": "x"} if "feature" in {f.name for f in fields(KINDS[kind])} else {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_made_with_its_defaults_written_out(kind):
    made = make_augmentation(kind, needed(kind))
    assert type(made) is KINDS[kind]
    plain = {f.name: getattr(made, f.name) for f in fields(made)}
    plain = {n: list(v) if isinstance(v, tuple) else v for n, v in plain.items() if v is not None}
    assert make_augmentation(kind, plain) == made


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_refuses_what_is_of_no_type(kind):
    for field in fields(KINDS[kind]):
        for wrong in ({"a": 1}, object()):
            with pytest.raises(SettingsError, match=rf"^augment\.{kind}\.{field.name}: expected "):
                make_augmentation(kind, {**needed(kind), field.name: wrong})


@pytest.mark.parametrize("kind", KINDS)
def test_errors_of_a_kind_call_it_by_its_name(kind):
    """Each class says `augment.<kind>.<parameter>`, as the catalogue does."""
    numbers = {"rate", "scale", "alpha", "factor", "degrees", "size", "pixels", "shift", "width"}
    numbers |= {"neighbours", "operations", "height", "share"}
    names = [f.name for f in fields(KINDS[kind]) if f.name in numbers]
    made = make_augmentation(kind, needed(kind))
    for name in names:
        pair = isinstance(getattr(made, name), tuple)
        with pytest.raises(SettingsError, match=rf"^augment\.{kind}\.{name}: expected "):
            make_augmentation(kind, {**needed(kind), name: [-9, -8] if pair else -9})


@pytest.mark.parametrize(
    ("kind", "parameters", "expected"),
    [
        ("flp", {}, 'augment: unknown kind "flp"; did you mean "flip"?'),
        ("xxxxx", {}, 'augment: unknown kind "xxxxx"; known: brightness, category_swap,'),
        (
            "flip",
            {"feature": "x", "drection": "both"},
            'augment.flip.drection: unknown parameter; did you mean "direction"?',
        ),
        ("flip", {}, "augment.flip.feature: missing; it has no default"),
        ("flip", {"feature": 3}, "augment.flip.feature: expected a text, got 3"),
        (
            "flip",
            {"feature": "x", "direction": "up"},
            "augment.flip.direction: expected one of horizontal, vertical, both, got 'up'",
        ),
        (
            "flip",
            {"feature": "x", "shape": [8, 8.5]},
            "augment.flip.shape: expected a list, each a whole number, got [8, 8.5]",
        ),
        ("mixup", {"alpha": True}, "augment.mixup.alpha: expected a number, got True"),
        ("mixup", {"alpha": float("nan")}, "augment.mixup.alpha: expected a number, got nan"),
        ("mixup", {"features": "x"}, "augment.mixup.features: expected a list, each a text"),
        (
            "time_shift",
            {"feature": "x", "unit": "hours"},
            'augment.time_shift.unit: expected "share" or "seconds", got \'hours\'',
        ),
        ("time_shift", {"feature": "x", "roll": 1}, "expected true or false, got 1"),
        (
            "time_mask",
            {"feature": "x", "fill": "median"},
            "augment.time_mask.fill: expected a number or \"mean\", got 'median'",
        ),
        ("time_mask", {"feature": "x", "width": 2.0}, "expected a whole number, got 2.0"),
    ],
)
def test_what_is_wrong_is_told(kind, parameters, expected):
    with pytest.raises(SettingsError) as caught:
        make_augmentation(kind, parameters)
    assert expected in str(caught.value)


def test_plain_values_become_parameters():
    assert make_augmentation("flip", {"feature": "x", "shape": [2, 3]}) == Flip("x", shape=(2, 3))
    assert make_augmentation("mixup", {"alpha": 1}) == MixUp(alpha=1)
    assert make_augmentation("smote", {"classes": ["yes", 1]}) == Smote(classes=("yes", 1))
