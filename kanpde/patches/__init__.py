"""Local KANs, one per cell of the domain, coupled on the faces and solved together."""
