"""Time slabs, one after the other."""
