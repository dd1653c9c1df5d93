#!/usr/bin/env python3
"""Compares the time of `chitu plan` with `import torch` in Python, alternately in one run.

    tools/bench/planner.py --python $PY                # that Python has torch; build/release/bin/chitu
    tools/bench/planner.py --python $PY --rounds 9 --json out.json

Each ratio is from one round, so that changing load affects both sides. Prints medians, minima and maxima.
`cpu` is the time of all threads in user and kernel mode, which other processes affect least.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ["model=wan2.1-t2v-14b", "device=cuda"]
LARGE = ["request.width=1280", "request.height=720", "request.num_frames=81"]
HUGE = ["request.width=16384", "request.height=16384", "request.num_frames=81"]
PLANS = {
    "four levels, 14B at 1280x720x81": [*MODEL, *LARGE],
    "the same, --fit 16GiB": [*MODEL, *LARGE, "--fit", "16GiB"],
    "the same, --explain": [*MODEL, *LARGE, "--explain"],
    "four levels, 14B at 16384x16384x81": [*MODEL, *HUGE],
}


def timed(command):
    """(seconds, seconds of all threads together)"""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit status {process.returncode}\n{error.decode()}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime


def measure(commands, rounds):
    """{name: [(seconds, cpu seconds) of each round]}; one round before them fills the system's cache of files."""
    times = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            taken = timed(command)
            if number:
                times[name].append(taken)
    return times


def spread(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def summary(times, reference):
    rows = {}
    for name, taken in times.items():
        rows[name] = {"seconds": spread([wall for wall, _ in taken]), "cpu_seconds": spread([cpu for _, cpu in taken])}
        for key, which in (("ratio", 0), ("cpu_ratio", 1)):
            rows[name][key] = spread([one[which] / other[which] for one, other in zip(taken, times[reference])])
    return rows


def text(value):
    return f"{value['median']:.2f} ({value['least']:.2f} to {value['most']:.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chitu", default=ROOT / "build/release/bin/chitu")
    parser.add_argument("--python", default=sys.executable, help="one that can import torch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    reference = "import torch"
    commands = {reference: [options.python, "-c", "import torch"]}
    commands.update({name: [options.chitu, "plan", *overrides] for name, overrides in PLANS.items()})
    rows = summary(measure(commands, options.rounds), reference)
    print(f"{'':36}{'seconds':>22}{'of import torch':>22}{'cpu seconds':>22}{'of import torch':>22}")
    for name, row in rows.items():
        cells = (row[key] for key in ("seconds", "ratio", "cpu_seconds", "cpu_ratio"))
        print(f"{name:36}" + "".join(f"{text(cell):>22}" for cell in cells))
    if options.json:
        options.json.write_text(json.dumps({"rounds": options.rounds, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
