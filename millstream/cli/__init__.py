"""The command line. Each module holds the commands of one concern; none imports TensorFlow."""

from millstream.cli.app import main

__all__ = ["main"]
