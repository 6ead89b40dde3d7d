"""A small Keras model that is trained in rounds, beside river's models, a record at a time."""
