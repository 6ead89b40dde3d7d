"""The round store: what a round leaves on disk, sealed, and read again."""
