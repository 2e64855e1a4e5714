"""Solutions computed by other means, to measure errors against."""
