"""What compression costs and brings, on three models that learned from data."""
