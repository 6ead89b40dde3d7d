"""What the service tells of itself: status, metrics, verdict, logs and traces."""
