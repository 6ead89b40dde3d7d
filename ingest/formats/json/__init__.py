"""JSON, parsed by code that is compiled for the schema."""
