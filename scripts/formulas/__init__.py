"""From runs to formulas."""
