"""Raw bytes as the one feature: images, audio, or anything else that a model reads by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ingest.errors import SchemaError, SettingsError
from ingest.formats.assembly import readable
from ingest.formats.decoder import BadRecord, Decoded
from ingest.formats.key_label import labels_of
from ingest.formats.raw.jpeg import JPEG_SIGNATURE, check_jpeg
from ingest.formats.raw.png import PNG_SIGNATURE, check_png
from ingest.formats.raw.wav import check_wav
from ingest.formats.values import BadValueError, shown_bytes
from ingest.ragged import Column
from ingest.records import RecordBatch
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RawDecoder", "RawKind"]

RawKind = Literal["bytes", "image", "audio"]
MAX_PIXELS = 2**24
MOST_PIXELS = 2**26


class RawDecoder:
    """A `Decoder` for records whose value, as a whole, is the one feature.

    An image is a PNG or a JPEG, an audio a WAV of 16-bit samples. Each is read to its end, so that
    one that is damaged is a bad record here, and no exception in the middle of training:
    `ingest.media.decode_images` and `decode_audio` decode whatever is good.

    The label, if the schema has one, is the text of the record's key: of a category the word; of a
    bool `true`, `1`, `false` or `0`; of an integer its digits, after a `-` perhaps; of a float the
    same, or with decimals and exponent (`-1.5e3`); of a timestamp milliseconds or RFC 3339. A
    record without a key is bad then. So an outcome depends on key and value.

    Args:
        schema: one feature of type bytes, and perhaps a label; no weight.
        kind: bytes (anything), image or audio.
        max_record_bytes: a longer value is bad.
        max_pixels: an image whose width times height is more is bad, before it is unpacked.
        sample_rate: in Hz, of all audio; None for any.

    Raises:
        SchemaError: the schema has other fields.
        SettingsError: an option is outside its range.
    """

    def __init__(
        self,
        schema: Schema,
        kind: RawKind = "bytes",
        max_record_bytes: int = 1_000_000,
        *,
        max_pixels: int = MAX_PIXELS,
        sample_rate: int | None = None,
    ) -> None:
        features = schema.features
        if len(features) != 1 or features[0].dtype != "bytes" or schema.weight is not None:
            raise SchemaError(
                "schema: raw records have one feature, of type bytes, maybe a label, and no weight"
            )
        if kind not in get_args(RawKind):
            raise SettingsError(f"format.media: expected bytes, image or audio, got {kind!r}")
        if not 0 < max_pixels <= MOST_PIXELS:
            raise SettingsError(f"max_pixels: expected 1 to {MOST_PIXELS}, got {max_pixels}")
        self._feature = features[0]
        self._label = schema.label if schema.has_label else None
        self._max_bytes = max_record_bytes
        self._max_pixels = max_pixels
        self._sample_rate = sample_rate
        checks = {"bytes": None, "image": self._check_image, "audio": self._check_audio}
        self._check: Callable[[bytes], None] | None = checks[kind]

    def decode(self, batch: RecordBatch) -> Decoded:
        """Decode all records of a batch; see `Decoder`."""
        from ingest.formats.gather import gather_spans  # numba is slow to import

        rows, bad = readable(batch, self._max_bytes)
        labels: NDArray[Any] | None = None
        if self._label is not None:
            labels, wrong = labels_of(self._label, batch, rows)
            bad += [BadRecord(int(rows[at]), str(e), e.kind) for at, e in wrong.items()]
            kept = np.delete(np.arange(len(rows)), list(wrong))
            rows, labels = rows[kept], labels[kept]
        if self._check is not None:
            fine = self._checked(batch, rows, self._check, bad)
            rows, labels = rows[fine], None if labels is None else labels[fine]
        start, length = batch.value_start[rows], batch.value_length[rows]
        columns: dict[str, Column] = {}
        columns[self._feature.name] = gather_spans(batch.buffer, start, length)
        if self._label is not None and labels is not None:
            columns[self._label.name] = labels
        return Decoded(columns, rows, tuple(sorted(bad, key=lambda record: record.index)))

    @staticmethod
    def _checked(
        batch: RecordBatch,
        rows: NDArray[np.int64],
        check: Callable[[bytes], None],
        bad: list[BadRecord],
    ) -> NDArray[np.bool_]:
        fine = np.ones(len(rows), np.bool_)
        for place, index in enumerate(rows.tolist()):
            try:
                check(batch.value(index) or b"")
            except BadValueError as error:
                bad.append(BadRecord(index, str(error), error.kind))
                fine[place] = False
        return fine

    def _check_image(self, raw: bytes) -> None:
        if raw.startswith(PNG_SIGNATURE):
            check_png(raw, self._max_pixels)
        elif raw.startswith(JPEG_SIGNATURE):
            check_jpeg(raw, self._max_pixels)
        else:
            raise BadValueError("malformed", f"neither PNG nor JPEG: {shown_bytes(raw[:16])}")

    def _check_audio(self, raw: bytes) -> None:
        check_wav(raw, self._sample_rate)
