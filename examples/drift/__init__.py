"""What is learned changes at once: a history that forgets, against one that does not."""
