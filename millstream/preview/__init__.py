"""What `millstream preview` shows."""
