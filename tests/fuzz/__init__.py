"""Coverage-guided fuzzing; not collected by pytest: `make fuzz`."""
