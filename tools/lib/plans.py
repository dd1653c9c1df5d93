"""Shared by the scripts that write documentation from `chitu plan`: the repository, the sizes they show, one plan."""

import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SIZES = [(832, 480, 81), (1280, 720, 81)]
GIB = 2**30


def plan(chitu, model, size, *more):
    """The JSON of a plan for device=cuda, computing in bfloat16. `more` are further overrides."""
    width, height, frames = size
    command = [chitu, "plan", "--format", "json", f"model={model}", "device=cuda", "infer.dtype=bfloat16",
               f"request.width={width}", f"request.height={height}", f"request.num_frames={frames}", *more]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
