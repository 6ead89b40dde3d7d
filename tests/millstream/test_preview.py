"""`millstream preview`: what is read, what is chosen, what is drawn or told."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from rich.console import Console

from millstream.augmenting import make_steps
from millstream.config.config import Config, load_config
from millstream.errors import UsageError
from millstream.pipeline import make_schema
from millstream.preview.look import Look, choose_look, parse_shape
from millstream.preview.picture import draw_preview
from millstream.preview.preview import SHOWN, Preview, make_preview, read_file, read_topics
from millstream.preview.table import preview_table

from .project import create_topic, make_project, make_rows
from .test_cli import check_error, millstream

FEATURES = """[schema.features]
image = { type = "float32", length = 48 }
sound = { type = "float32", length = 400 }
"""
FLIP = '[[augment.steps]]\nkind = "flip"\nfeature = "image"\nshape = [4, 4, 3]\n'
NOISE = '[[augment.steps]]\nkind = "gaussian_noise"\nfeatures = ["a"]\n'
SWAP = '[[augment.steps]]\nkind = "category_swap"\nrate = 1\n'


def load(folder: Path, steps: str, *, lists: bool = True) -> Config:
    make_project(folder, "127.0.0.1:1", "t")
    path = folder / "millstream.toml"
    text = path.read_text()
    path.write_text((text.replace("[schema.features]", FEATURES) if lists else text) + steps)
    return load_config(path)


def records(folder: Path, count: int, *, lists: bool = True) -> Path:
    random = np.random.default_rng(1)
    rows = [json.loads(row) for row in make_rows(count, seed=1)]
    for row in rows if lists else []:
        row["image"] = random.random(48).round(3).tolist()
        row["sound"] = np.sin(np.arange(400) * row["a"]).round(4).tolist()
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def shown(config: Config, path: Path, times: int = 2) -> Preview:
    steps = make_steps(config, make_schema(config))
    return make_preview(config, steps, read_file(config, path, 100), times)


def test_a_table_marks_what_has_changed(tmp_path: Path) -> None:
    config = load(tmp_path, NOISE + SWAP, lists=False)
    preview = shown(config, records(tmp_path, 40, lists=False))
    assert len(preview.original) == SHOWN
    assert len(preview.augmented) == 2
    a, b = (preview.original.columns[name] for name in "ab")
    for rows in preview.augmented:
        assert (rows.columns["a"] != a).all()
        assert np.array_equal(rows.columns["b"], b)
    console = Console(width=200)
    with console.capture() as printed:
        console.print(preview_table(preview))
    lines = [line for line in printed.get().splitlines() if "augmented" in line]
    assert len(lines) == 2 * SHOWN
    for number, line in enumerate(lines):
        row, version = number // 2, preview.augmented[number % 2]
        assert f"{version.columns['a'][row]:.4g}*" in line
        assert f"{b[row]:.4g}*" not in line
    assert any("p*" in line or "q*" in line or "r*" in line for line in lines)


def test_each_time_is_another_and_all_are_the_same_again(tmp_path: Path) -> None:
    config = load(tmp_path, NOISE, lists=False)
    path = records(tmp_path, 20, lists=False)
    one, two = shown(config, path, 3), shown(config, path, 3)
    assert one.augmented == two.augmented
    drawn = {rows.columns["a"].tobytes() for rows in one.augmented}
    assert len(drawn) == 3


@pytest.mark.parametrize(
    ("step", "look"),
    [
        (FLIP, Look("image", "image", (4, 4, 3))),
        (
            '[[augment.steps]]\nkind = "time_mask"\nfeature = "image"\nshape = [12, 4]\n'
            "share = 1\nfill = 1\n",
            Look("image", "spectrogram", (12, 4)),
        ),
        (
            '[[augment.steps]]\nkind = "white_noise"\nfeature = "sound"\nsnr = [0, 5]\n',
            Look("sound", "wave", (400,)),
        ),
        (
            '[[augment.steps]]\nkind = "jitter"\nfeature = "sound"\n',
            Look("sound", "series", (400,)),
        ),
    ],
)
def test_what_a_step_changes_is_drawn(tmp_path: Path, step: str, look: Look) -> None:
    config = load(tmp_path, step)
    assert choose_look(config, make_schema(config), None, None) == look
    path = records(tmp_path, 8)
    picture = draw_preview(shown(config, path), look, tmp_path / "changed.png")
    plain = draw_preview(shown(load(tmp_path, ""), path), look, tmp_path / "plain.png")
    changed, same = matplotlib.image.imread(picture), matplotlib.image.imread(plain)
    assert changed.shape == same.shape
    third = changed.shape[1] // 3
    assert np.abs(changed - same)[:, :third].mean() < 1e-3
    assert np.abs(changed - same)[:, third:].mean() > 1e-3


def test_a_person_may_say_what_is_drawn(tmp_path: Path) -> None:
    config = load(tmp_path, NOISE)
    schema = make_schema(config)
    assert choose_look(config, schema, None, None) is None
    assert choose_look(config, schema, "image", (4, 4, 3)) == Look("image", "image", (4, 4, 3))
    assert choose_look(config, schema, "sound", None) == Look("sound", "series", (400,))
    assert parse_shape("28,28,1") == parse_shape("28x28x1") == (28, 28, 1)
    for wrong in ("28,a", "", "0,3", "28,"):
        with pytest.raises(UsageError, match="--shape: expected sides such as"):
            parse_shape(wrong)
    with pytest.raises(UsageError, match="image has 48 numbers a row"):
        choose_look(config, schema, "image", (5, 5))
    with pytest.raises(UsageError, match="one of image, sound"):
        choose_look(config, schema, "a", None)
    with pytest.raises(UsageError, match="say which with --feature"):
        choose_look(config, schema, None, (4, 4, 3))


def test_a_file_without_good_records_says_why(tmp_path: Path) -> None:
    config = load(tmp_path, NOISE, lists=False)
    path = tmp_path / "bad.jsonl"
    path.write_text('{"a": "x", "b": 1, "kind": "p", "y": true}\n')
    with pytest.raises(UsageError, match=r'got none: field "a": expected float32, got "x"'):
        read_file(config, path, 10)
    path.write_text("")
    with pytest.raises(UsageError, match="got none: it is empty"):
        read_file(config, path, 10)


def test_the_newest_records_of_the_topics(kafka, topic: str, tmp_path: Path) -> None:
    project = make_project(tmp_path, kafka.bootstrap_servers, topic)
    create_topic(kafka.bootstrap_servers, topic)
    config = load_config(tmp_path / "millstream.toml")
    with pytest.raises(UsageError, match="got none: it is empty"):
        read_topics(config, 8)
    project.produce(make_rows(100, seed=1))
    rows = read_topics(config, 8)
    assert sorted(rows.offset.tolist()) == [23, 23, 23, 23, 24, 24, 24, 24]
    assert len(read_topics(config, 1000)) == 100


def test_the_command(tmp_path: Path) -> None:
    load(tmp_path, FLIP + NOISE)
    path = records(tmp_path, 8)
    done = millstream("preview", "--file", path.name, "--times", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "drew preview.png"
    assert matplotlib.image.imread(tmp_path / "preview.png").shape[0] > 300
    check_error(millstream("preview", "--file", "gone.jsonl", cwd=tmp_path), 2, "gone.jsonl: no su")
