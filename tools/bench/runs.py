"""Shared by the benchmarks that compare runs of chitu: a run with its metrics, and the frames of two runs beside each other."""

import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHITU = ROOT / "build/release/bin/chitu"
PROMPT = "a red circle moving right on a white background"


def run(chitu, folder, overrides, prompt=PROMPT, launch=()):
    """The metrics of a run whose frames are in the folder. `launch` are words before the command."""
    command = [*launch, str(chitu), "run", "--quiet", "--prompt", prompt, "output.format=frames",
               f"hydra.run.dir={folder}", *overrides]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
    return json.loads((pathlib.Path(folder) / "metrics.json").read_text(encoding="utf-8"))


def seconds_of_step(metrics):
    """Of the median step."""
    return statistics.median(step["seconds"] for step in metrics["steps"])


def compared_frames(chitu, a, b):
    """What `chitu compare` says of each frame of two runs, however far they are apart."""
    command = [str(chitu), "compare", str(a), str(b), "--json", "--tolerance", "frames=any,peak=any,bytes=any,loads=any"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["clip"]["frames"]
