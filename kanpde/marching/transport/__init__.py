"""Transport on a line at a constant speed, with jumps and kinks that travel."""
