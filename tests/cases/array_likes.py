"""What people pass as points: each must work as its plain array does, or be refused by the package's
own error. Exit code 0 right, 1 wrong.
"""

import sys

import numpy as np
import torch

import kanpde

solution = kanpde.solve(
    {
        "problem": {
            "name": "square",
            "unknowns": ["u"],
            "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
            "equations": ["-laplacian(u) = 1"],
            "conditions": [{"part": ["left", "right", "bottom", "top"], "equation": "u = 0"}],
        },
        "trial": {"width": [12]},
        "sampler": {"interior": 400, "boundary": 80},
    }
)
x = np.random.default_rng(0).random((40, 2))
plain = solution(x)
tries = {
    "list of lists": (lambda: solution(x.tolist()), plain),
    "tuple of tuples": (lambda: solution(tuple(map(tuple, x))), plain),
    "reversed view": (lambda: solution(x[::-1]), plain[::-1]),
    "every second row": (lambda: solution(x[::2]), plain[::2]),
    "Fortran order": (lambda: solution(np.asfortranarray(x)), plain),
    "tensor with requires_grad": (lambda: solution(torch.tensor(x, requires_grad=True)), plain),
    "masked array": (lambda: solution(np.ma.array(x, mask=x < 0.5)), None),
    "complex numbers": (lambda: solution(x + 1j), None),
    "one number": (lambda: solution(0.5), None),
    "a text": (lambda: solution("0.5"), None),
}
bad = []
for name, (action, right) in tries.items():
    try:
        values = action()
    except kanpde.KanpdeError:
        continue
    except Exception as error:
        bad.append(f"{name}: {type(error).__name__}")
        continue
    values = np.asarray(values.detach() if isinstance(values, torch.Tensor) else values)
    if right is None:
        bad.append(f"{name}: accepted")
    elif values.shape != right.shape or not np.allclose(values, right, rtol=1e-9, atol=1e-12):
        bad.append(f"{name}: another value")
print("; ".join(bad) or "every kind of points is read or refused properly")
sys.exit(1 if bad else 0)
