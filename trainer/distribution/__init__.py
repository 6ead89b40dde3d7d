"""Where a model is trained: TensorFlow's strategies, and what workers tell each other."""
