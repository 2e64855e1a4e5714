"""How a problem is solved: trial solution, schedule, points, weights, slabs, output."""
