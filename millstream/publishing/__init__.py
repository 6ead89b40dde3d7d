"""Step 6: from exported bytes to a version, promoted or not."""
