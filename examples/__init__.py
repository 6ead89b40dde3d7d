"""Examples that show that sampling and augmentation matter: real runs, several seeds, spread."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
