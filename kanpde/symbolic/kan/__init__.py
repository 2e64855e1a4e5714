"""KANs whose edges are functions of a library."""
