"""Images and structs through a real broker: what was sent is what a model gets."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ingest import (
    Field,
    KafkaSource,
    PackedDecoder,
    RawDecoder,
    RecordBatch,
    Schema,
    decode_images,
)
from tests.ingest.broker import produce
from tests.ingest.media_samples import digits, png
from tests.ingest.packed_samples import LAYOUT, SCHEMA, struct

DIGIT = Schema((Field("image", "bytes"), Field("digit", "int32", "label")))


def read(servers: str, topic: str) -> list[RecordBatch]:
    source = KafkaSource([topic], {"bootstrap_servers": servers})
    try:
        end, found = source.end(), []
        while source.position() != end:
            found += source.poll(1.0)
        return found
    finally:
        source.close()


def test_digits_from_a_topic_become_pixels_and_labels(kafka, topic: str) -> None:
    pixels, labels = digits(200)
    files: list[bytes | None] = [png(image) for image in pixels]
    files[50] = files[50][:-20]
    kafka.create_topic(topic)
    produce(
        kafka.bootstrap_servers, topic, files, key=lambda n: str(labels[n]).encode(), acks="all"
    )
    made, images, found, bad = RawDecoder(DIGIT, "image"), [], [], []
    for batch in read(kafka.bootstrap_servers, topic):
        decoded = made.decode(batch)
        images += decoded.columns["image"].texts()
        found += decoded.columns["digit"].tolist()
        bad += [(int(batch.offsets[record.index]), record.kind) for record in decoded.bad]
    assert bad == [(50, "malformed")]
    assert found == labels[:50] + labels[51:]
    batches = tf.data.Dataset.from_tensor_slices(images).batch(64)
    whole = [*batches.map(lambda raw: decode_images(raw, (8, 8), 1, "uint8"))]
    assert np.array_equal(np.concatenate(whole)[..., 0], np.delete(pixels, 50, axis=0))


def test_structs_from_a_topic(kafka, topic: str) -> None:
    kafka.create_topic(topic)
    values = [struct(n, amount=n / 8) for n in range(3000)]
    produce(kafka.bootstrap_servers, topic, values, compression_type="lz4")
    made, counts = PackedDecoder(SCHEMA, LAYOUT), []
    for batch in read(kafka.bootstrap_servers, topic):
        decoded = made.decode(batch)
        assert decoded.bad == ()
        counts += decoded.columns["count"].tolist()
    assert counts == list(range(3000))
