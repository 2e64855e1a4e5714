"""Mathematics that knows no equation and no network: jets, quadrature, which cell holds a point."""
