"""Evolutions in the plane: every slab is a steady problem on patches for several instants."""
