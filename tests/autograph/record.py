"""Writes answers.json; needs TensorFlow."""

import json
import os
import sys
from pathlib import Path

os.environ["AUTOGRAPH_REFEREE"] = "tensorflow"
here = Path(__file__).parent
sys.path.insert(0, str(here))

from harness import CASES, GRAPHS, answer, graph_answer  # noqa: E402

for path in sorted(here.glob("cases_*.py")):
    __import__(path.stem)
recorded = {n: answer(n) for n in CASES} | {n: graph_answer(n) for n in GRAPHS}
lines = [f"{json.dumps(n)}: {json.dumps(a)}" for n, a in recorded.items()]
(here / "answers.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
