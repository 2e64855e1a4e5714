"""Products of univariate functions for equations in many coordinates: chains of KAN layers whose
nodes multiply and add.
"""
