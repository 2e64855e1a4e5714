"""The loop over stages, its checkpoints, adaptive points, and the resolution that a tolerance asks for."""
