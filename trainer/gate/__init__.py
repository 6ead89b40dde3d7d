"""The gate: whether a measured candidate becomes the champion."""
