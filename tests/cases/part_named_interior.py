"""A side of the mesh that is called `interior`: the exported points must be all of them, inside and
on the sides. Exit code 0 right, 1 wrong, 3 no answer.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

KANPDE = [sys.executable, "-m", "kanpde"]
here, folder = Path(__file__).resolve().parent, Path(sys.argv[1]) / "run"
file = str(here / "part_named_interior.yaml")
solve = subprocess.run(
    [*KANPDE, "solve", file, "--out", str(folder), "--quiet"], capture_output=True, text=True
)
if solve.returncode == 2 and "interior" in solve.stderr:
    print("refused: " + solve.stderr.strip().splitlines()[-1])  # the name is reserved: said so
    sys.exit(0)
if solve.returncode not in (0, 8):
    sys.exit(3)
wanted = sum(json.loads((folder / "result.json").read_text())["points"].values())
export = subprocess.run([*KANPDE, "export", str(folder), "--points"], capture_output=True)
if export.returncode:
    sys.exit(3)
text = (folder / "points.vtu").read_bytes().decode("latin-1")
points = re.search(r'NumberOfPoints="(\d+)"', text)
number = int(points.group(1)) if points else 0
print(f"{number} of {wanted} points are in the file")
sys.exit(0 if number == wanted else 1)
