"""The `problem` node of a file, key by key."""
