"""What PyTorch users import; it needs PyTorch, which millstream does not install."""

from ingest.torch import KafkaIterableDataset

__all__ = ["KafkaIterableDataset"]
