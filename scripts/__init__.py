"""Programs that measure and write docs, run by `python -m scripts NAME`."""
