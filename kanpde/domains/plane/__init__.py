"""Regions of the plane bounded by segments and arcs."""
