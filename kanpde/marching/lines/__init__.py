"""Equations that evolve on a line: splines in space, collocation of high order in time."""
