"""Equations, conditions and what is known of the solution."""
