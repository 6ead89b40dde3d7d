"""The benchmark of augmentation does not rot: each part runs on few rows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench.augment import __main__ as bench
from bench.augment.rows import IMAGES, SIDES, image_layers, make_images, steps
from ingest import Augmentations
from ingest.augment.pipeline import augmented

pytestmark = pytest.mark.long

NAMES = {
    "images": {"augment_rows_per_s", "plain_rows_per_s", "augment_vs_keras_layers"},
    "tables": {"table_rows_per_s", "table_plain_rows_per_s", "table_vs_keras_layers"},
    "kinds": {"augment_cpu_vs_keras_layers"},
    "waiting": {"input_wait_share", "input_cost_share"},
}


@pytest.mark.slow
@pytest.mark.parametrize("part", NAMES)
def test_each_part_runs_and_ends_with_a_line_for_machines(part, capsys):
    bench.main(["--images", "512", "--rows", "1024", "--repeats", "1", "--only", part])
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["bench"] == "augment"
    assert set(last["results"]) == NAMES[part]
    assert all(value > 0 for name, value in last["results"].items() if "cost" not in name)


def test_both_sides_do_as_much_to_an_image():
    """On average, that is: what they draw differs."""
    rows = make_images(512)
    given = rows.columns["image"]
    ours, _ = augmented(rows, IMAGES, Augmentations(steps("images")), count=512, seed=1, epoch=0)
    theirs = np.asarray(image_layers()(given, training=True))
    assert theirs.shape == given.shape == (512, int(np.prod(SIDES)))
    moved = [float(np.abs(found - given).mean()) for found in (ours["image"], theirs)]
    assert moved[0] == pytest.approx(moved[1], rel=0.1)
