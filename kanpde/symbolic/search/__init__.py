"""The search for a closed form of a field."""
