"""What millstream.toml may say, section by section, and how it is read."""
