"""Trial solutions u(x; θ): networks, bases, unknown constants."""
