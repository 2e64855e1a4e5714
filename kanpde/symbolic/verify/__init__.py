"""A formula put back into the equations and conditions."""
