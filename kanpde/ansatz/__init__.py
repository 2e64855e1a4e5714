"""The trial solution of a problem: its network, its start, and what it meets by construction."""
