"""Local KANs, one per cell of a quadtree, coupled on the faces and solved together."""
