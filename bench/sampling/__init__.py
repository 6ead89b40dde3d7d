"""Samples, and keeping them: `make bench-sampling`; what is measured: docs/sampling.md."""
