"""tf.Example messages."""
