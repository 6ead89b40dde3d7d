"""What a model says of rows: predictions, losses, and how much there is to learn."""
