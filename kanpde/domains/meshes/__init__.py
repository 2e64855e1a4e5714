"""Mesh files: read in a process of their own, checked, made by gmsh."""
