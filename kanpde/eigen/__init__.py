"""Eigenvalues and modes on patches, by shift and invert with least squares."""
