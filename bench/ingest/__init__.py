"""How fast records come out of Kafka: `make bench-ingest`; what is measured: docs/benchmarks.md."""
