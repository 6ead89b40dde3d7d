"""The parts of one fit: settings, callbacks, traced functions, the watch over it, the report."""
