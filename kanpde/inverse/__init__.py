"""Unknown constants and fields from measured values."""
