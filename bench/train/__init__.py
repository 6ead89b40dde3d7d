"""The trainer: what feeding, workers and rounds cost: `make bench-train`; docs/benchmarks.md."""
