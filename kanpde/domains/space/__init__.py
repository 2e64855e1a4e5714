"""Balls, extrusions and bodies in space."""
