"""Models: found, built, checked, changed by settings, and made whole again for export."""
