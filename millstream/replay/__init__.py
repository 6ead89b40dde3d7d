"""A round again, from its plan."""
