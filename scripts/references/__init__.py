"""How the shipped references, meshes and measured values were made."""
