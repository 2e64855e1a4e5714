"""Mutated input at the doors where data of strangers enters."""
