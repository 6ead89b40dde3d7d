"""A file of encoded rows for the ladder: some to learn from, some to judge by."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from millstream.errors import ConfigError
from registry import Examples

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Data", "read_data"]

READERS = (".csv", ".npz", ".parquet")


@dataclass(frozen=True, eq=False)
class Data:
    """Rows for the ladder.

    Attributes:
        examples: that rungs calibrate by and fine-tune on.
        test: that they are judged by; no row is in both.
    """

    examples: Examples
    test: Examples


def read_data(path: Path, inputs: Mapping[str, Any], label: str, test_share: float) -> Data:
    """Read a CSV, Parquet or NumPy (`.npz`) file of rows, encoded as the model takes them.

    Args:
        path: the file; a column or an array by the name of each input, and one for the label. Where
            the model has a single input and a `.npz` an array `x`, that is it.
        inputs: name -> the model's symbolic input: its dtype, and its shape behind the batch axis.
        label: name of the label.
        test_share: of the rows, chosen by a hash of their place; at least one, and not all. The
            others come in the order of that hash.

    Raises:
        ConfigError: the file cannot be read, lacks a column, or a column holds something else; or
            the label is an input, too.
    """
    if label in inputs:
        raise ConfigError(
            f'"{label}" is an input of the model; name the label\'s column with --label'
        )
    columns = read_columns(path)
    if len(inputs) == 1 and not columns.keys() & inputs.keys() and "x" in columns:
        columns[next(iter(inputs))] = columns.pop("x")
    missing = [name for name in (*inputs, label) if name not in columns]
    if missing:
        raise ConfigError(
            f"{path.name}: expected columns {[*inputs, label]}, got {sorted(columns)}; there is no"
            f" {', '.join(missing)} (name the label's with --label)"
        )
    features = {name: fit(path, name, columns[name], inputs[name]) for name in inputs}
    labels = numbers(path, label, columns[label])
    if labels.size != len(labels):
        raise ConfigError(
            f'{path.name}: column "{label}": expected one number a row, such as the index of a'
            f" class, got an array of shape {labels.shape}"
        )
    lengths = {name: len(column) for name, column in {**features, label: labels}.items()}
    if len(set(lengths.values())) != 1 or min(lengths.values()) < 2:
        raise ConfigError(f"{path.name}: expected columns of one length, 2 or more, got {lengths}")
    whole = Examples(features, labels)
    order = places_in_nobodys_order(len(labels))
    count = min(max(1, round(test_share * len(labels))), len(labels) - 1)
    return Data(whole.take(order[count:]), whole.take(np.sort(order[:count])))


def read_columns(path: Path) -> dict[str, NDArray[Any]]:
    """All columns of a file.

    Raises:
        ConfigError: there is none of that name, or it is of another kind.
    """
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        if path.suffix in READERS:
            return dict(read_table(path))
    except Exception as error:
        raise ConfigError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    raise ConfigError(f"{path}: expected a file that ends in {', '.join(READERS)}")


def read_table(path: Path) -> dict[str, NDArray[Any]]:
    """The columns of a CSV or Parquet file; a column of lists becomes `[rows, k]`."""
    from pyarrow import csv, parquet

    table = csv.read_csv(path) if path.suffix == ".csv" else parquet.read_table(path)
    found = {}
    for name in table.column_names:
        column = table[name].to_numpy()
        if column.dtype == object and len(column) and isinstance(column[0], np.ndarray):
            column = np.stack(column.tolist())
        found[name] = column
    return found


def fit(path: Path, name: str, column: NDArray[Any], tensor: Any) -> NDArray[Any]:
    """A column in the dtype and shape of an input.

    Raises:
        ConfigError: it is no number, or of another shape.
    """
    given = numbers(path, name, column)
    wanted = tuple(tensor.shape[1:])
    shape = given.shape[1:]
    if shape != wanted and int(np.prod(shape)) == int(np.prod([n or 0 for n in wanted])):
        given = given.reshape(len(given), *wanted)
        shape = wanted
    fits = len(shape) == len(wanted) and all(
        want in (None, got) for want, got in zip(wanted, shape, strict=True)
    )
    if not fits:
        raise ConfigError(f'{path.name}: column "{name}": expected rows of {wanted}, got {shape}')
    with np.errstate(invalid="ignore"):
        fitted = given.astype(tensor.dtype)
    if fitted.dtype.kind in "iu" and not np.array_equal(fitted, given):
        odd = given[fitted != given][0]
        raise ConfigError(
            f'{path.name}: column "{name}": expected whole numbers that are {tensor.dtype}, got'
            f" {odd}"
        )
    return fitted


def numbers(path: Path, name: str, column: NDArray[Any]) -> NDArray[Any]:
    """A column of numbers, all of them there.

    Raises:
        ConfigError: it holds something else.
    """
    if column.ndim == 0:
        raise ConfigError(f'{path.name}: "{name}": expected rows, got a single value')
    if column.dtype.kind not in "iufb":
        raise ConfigError(
            f'{path.name}: column "{name}": expected numbers, encoded as the model takes them, got'
            f" {column.flat[0]!r:.60}"
            if column.size
            else f"{path.name}: it has no rows"
        )
    if column.dtype.kind == "f" and not np.isfinite(column).all():
        row = int(np.argmin(np.isfinite(column).reshape(len(column), -1).all(axis=1)))
        raise ConfigError(
            f'{path.name}: column "{name}", row {row}: expected a finite number, got'
            f" {column[row]!r:.60}"
        )
    return column


def places_in_nobodys_order(rows: int) -> NDArray[np.int64]:
    """The places of rows by a hash of each: the same every time, however the file is sorted."""
    hashes = np.array([zlib.crc32(b"%d" % row) for row in range(rows)], np.uint32)
    return np.argsort(hashes, kind="stable")
