"""Checkpoints of one run are copied into the folder of another: going on with them, or exporting
them, must be refused. Exit code 0 right, 1 wrong, 3 no answer.
"""

import shutil
import subprocess
import sys
from pathlib import Path

TEXT = """problem:
  name: {name}
  unknowns: [u]
  domain: {{rectangle: {{lower: [0, 0], upper: [1, 1]}}}}
  equations: ["-laplacian(u) = 2*pi**2*sin(pi*x)*sin(pi*y)"]
  conditions: [{{part: [left, right, bottom, top], equation: "u = {rim}"}}]
trial: {{width: [6]}}
sampler: {{interior: 300, boundary: 60}}
output: {{plots: false, vtu: false}}
"""


def kanpde(*arguments: str) -> int:
    command = [sys.executable, "-m", "kanpde", *arguments]
    quiet = subprocess.DEVNULL
    return subprocess.run(command, stdout=quiet, stderr=quiet, check=False).returncode


work = Path(sys.argv[1])
for name, rim in (("one", 0), ("two", 1)):
    file = work / f"{name}.yaml"
    file.write_text(TEXT.format(name=name, rim=rim))
    if kanpde("solve", str(file), "--out", str(work / name), "--quiet") not in (0, 8):
        sys.exit(3)
for checkpoint in (work / "two" / "checkpoints").glob("*.pt"):
    shutil.copy(checkpoint, work / "one" / "checkpoints" / checkpoint.name)
export = kanpde("export", str(work / "one"), "--to", "csv")
resume = kanpde("resume", str(work / "one"), "--quiet")
print(f"after the swap: export exits {export}, resume exits {resume} (5 is right for both)")
sys.exit(0 if export == resume == 5 else 1)
