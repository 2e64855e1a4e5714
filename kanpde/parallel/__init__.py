"""Pieces of a solve side by side: on threads of one process, or by processes of torchrun."""
