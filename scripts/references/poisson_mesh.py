"""The mesh of `poisson_mesh`, as a user of gmsh would make it, and its reference by finite
elements.

    python -m scripts poisson_mesh [--mesh]

[0, 2] x [0, 1] without two polygons near disks, with named edges: problems/data/plate.msh (--mesh,
needs gmsh). The reference: elements of degree 4 (scikit-fem) on the same triangles refined twice,
beside degree 4 refined once and degree 3 refined twice; the larger change is the error that is
stored with the values at the middles of the triangles.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import skfem as fem
from skfem.helpers import dot, grad

from kanpde.api.solving import configure
from kanpde.domains import MeshDomain, build_domain
from scripts.common import store_reference as stored
from scripts.common.fem_meshes import sample

PATH = Path(__file__).resolve().parents[2] / "problems" / "data" / "plate.msh"
CENTRES = {"hole1": (0.5, 0.5, 0.2), "hole2": (1.4, 0.55, 0.25)}
SIDES = {"left": (0, 0.5), "right": (2, 0.5), "bottom": (1, 0), "top": (1, 1)}
FINE, COARSE = 0.02, 0.15

Array = np.ndarray[Any, Any]


def make_mesh() -> None:
    """Write the mesh by gmsh."""
    import gmsh

    gmsh.initialize(interruptible=False)
    gmsh.option.setNumber("General.Terminal", 0)
    occ, mesh = gmsh.model.occ, gmsh.model.mesh
    holes = [(2, occ.addDisk(x, y, 0, rx=r, ry=r)) for x, y, r in CENTRES.values()]
    occ.cut([(2, occ.addRectangle(0, 0, 0, dx=2, dy=1))], holes)
    occ.synchronize()
    middles = SIDES | {name: centre[:2] for name, centre in CENTRES.items()}
    for _, tag in gmsh.model.getEntities(1):
        middle = occ.getCenterOfMass(1, tag)[:2]
        name = min(middles, key=lambda side: np.hypot(*np.subtract(middles[side], middle)))
        gmsh.model.addPhysicalGroup(1, [tag], name=name)
        if name in CENTRES:
            mesh.setSize(gmsh.model.getBoundary([(1, tag)], False), FINE)
    gmsh.model.addPhysicalGroup(2, [tag for _, tag in gmsh.model.getEntities(2)], name="steel")
    gmsh.option.setNumber("Mesh.MeshSizeMax", COARSE)
    mesh.generate(2)
    gmsh.write(str(PATH))
    gmsh.finalize()


def solved(domain: MeshDomain, element: Any, times: int, x: Array) -> Array:
    """The solution at points x (N, 2) with the triangles refined so many times."""
    mesh = fem.MeshTri(domain.points.T.copy(), domain.cells.T.copy())
    number = {tuple(edge): k for k, edge in enumerate(np.sort(mesh.facets.T, axis=1).tolist())}
    edges = {}
    for k, name in enumerate(domain.parts):
        facets = domain.facets[domain.labels == k].tolist()
        edges[name] = np.array([number[tuple(sorted(facet))] for facet in facets])
    mesh = mesh.with_boundaries(edges).refined(times)
    basis = fem.Basis(mesh, element, intorder=8)
    right = fem.FacetBasis(mesh, basis.elem, facets=mesh.boundaries["right"], intorder=8)
    matrix = fem.BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(basis)
    matrix = matrix + fem.BilinearForm(lambda u, v, w: 2 * u * v).assemble(right)
    load = fem.LinearForm(lambda v, w: 10 * np.exp(-(w.x[0] ** 2) - w.x[1] ** 2) * v).assemble(
        basis
    )
    load = load + fem.LinearForm(lambda v, w: v).assemble(right)
    u, fixed = basis.zeros(), []
    for name, value in (("left", 0.0), ("hole1", 1.0), ("hole2", 0.5)):
        fixed.append(basis.get_dofs(mesh.boundaries[name]).all())
        u[fixed[-1]] = value
    u = fem.solve(*fem.condense(matrix, load, x=u, D=np.unique(np.concatenate(fixed))))
    print(f"  {type(element).__name__}, {mesh.nelements} triangles, {basis.N} dofs", flush=True)
    return sample(basis, u, x.T)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mesh", action="store_true")
    if parser.parse_args().mesh:
        make_mesh()
    domain = build_domain(configure("poisson_mesh").problem.domain)
    assert isinstance(domain, MeshDomain)
    corners = domain.points[domain.cells]
    x, sides = corners.mean(1), corners[:, 1:] - corners[:, :1]
    w = abs(np.linalg.det(sides)) / 2
    best = solved(domain, fem.ElementTriP4(), 2, x)
    others = solved(domain, fem.ElementTriP4(), 1, x), solved(domain, fem.ElementTriP3(), 2, x)
    error = max(np.sqrt((w * (other - best) ** 2).sum() / (w * best**2).sum()) for other in others)
    stored.store("poisson_mesh", x=x, w=w, values=best[:, None], error=float(error))
