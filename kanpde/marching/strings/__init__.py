"""Waves of one speed on a line, as two functions that are carried along."""
