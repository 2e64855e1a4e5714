"""Knots and mobility edges."""
