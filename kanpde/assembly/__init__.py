"""From a problem, points and a trial solution to weighted residual rows."""
