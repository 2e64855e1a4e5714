"""The tables, scaling laws and examples of the KAN paper."""
