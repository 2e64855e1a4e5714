"""From a saved solution to a closed formula that is put back into the equations. The only door to
sympy.

Nothing is imported here, so that the library of functions can be had without sympy.
"""
