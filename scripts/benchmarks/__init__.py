"""Tables of errors and seconds on the shipped problems."""
