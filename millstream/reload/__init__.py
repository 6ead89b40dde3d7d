"""Settings that are read again while the service runs."""
