#!/usr/bin/env python3
"""Measures the cost of streaming the transformer against the limit of the hardware, and the memory it saves.

    tools/bench/make_model.py --profile gib --out build/bench/gib
    tools/bench/streaming.py --chitu build/release/bin/chitu --model build/bench/gib

overlap  level 3 on the simulated device, with a bandwidth at which copying the layers takes as long as computing:
         time of a step divided by the longer of the two. 1 is perfect overlap, 2 none.
memory   level 0 against level 3 on the CPU, weights on disk: peak of resident memory of the process minus that of one
         that loads no weights (`chitu graph`), and time of a step.

Both parts alternate for several rounds; the table shows medians, minima and maxima.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile

PROMPT = "a red circle moving right on a white background"
MIB = 2**20


def run(options, *overrides):
    """metrics.json of a run and its most resident memory in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [options.chitu, "run", f"model.ckpt_dir={options.model}", "--prompt", PROMPT,
                   f"request.width={options.size}", f"request.height={options.size}",
                   f"request.num_frames={options.frames}", f"request.num_inference_steps={options.steps}",
                   f"infer.threads={options.threads}", "infer.vae_tiling=off", "output.format=frames",
                   f"hydra.run.dir={folder}/run", *overrides]
        peak = peak_of(command)
        with open(f"{folder}/run/metrics.json", encoding="utf-8") as file:
            metrics = json.load(file)
        # The kernel's count at the end covers the last stage only: chitu resets it at each stage.
        return metrics, max(peak, metrics["memory"]["peak_host_bytes"])


def peak_of(command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss * 1024


def step_seconds(metrics):
    return statistics.median(step["seconds"] for step in metrics["steps"][1:])


def show(label, values, unit="", digits=2):
    print(f"{label:<46} {statistics.median(values):9.{digits}f} {unit:<4} "
          f"{min(values):.{digits}f} to {max(values):.{digits}f}")


def measure_overlap(options):
    ratios, computes, streamed = [], [], []
    bandwidth = None
    for _ in range(options.rounds):
        compute = step_seconds(run(options, "device=sim")[0])
        if bandwidth is None:
            metrics, _ = run(options, "device=sim", "infer.diffusion.low_mem_level=3")
            step_bytes = metrics["streamed"]["transformer"]["bytes"] / options.steps
            bandwidth = int(step_bytes / compute)
        step = step_seconds(run(options, "device=sim", "infer.diffusion.low_mem_level=3",
                                f"device.h2d_bandwidth={bandwidth}B")[0])
        transfer = step_bytes / bandwidth
        ratios.append(step / max(compute, transfer))
        computes.append(compute)
        streamed.append(step)
    print(f"overlap on the simulated device, {step_bytes / MIB:.0f} MiB a step at {bandwidth / MIB:.0f} MiB/s")
    show("  step, all resident", computes, "s", 3)
    show("  step, streamed", streamed, "s", 3)
    show("  streamed / max(compute, transfer)", ratios)


def measure_memory(options):
    empty = peak_of([options.chitu, "graph", f"model.ckpt_dir={options.model}"])
    rows = {0: ([], []), 3: ([], [])}
    for _ in range(options.rounds):
        for level, (peaks, steps) in rows.items():
            metrics, peak = run(options, "device=cpu", f"infer.diffusion.low_mem_level={level}")
            peaks.append((peak - empty) / MIB)
            steps.append(step_seconds(metrics))
    print(f"memory on the CPU above the {empty / MIB:.0f} MiB of a process without weights")
    for level, (peaks, steps) in rows.items():
        show(f"  level {level}: most resident memory", peaks, "MiB", 0)
        show(f"  level {level}: step", steps, "s", 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chitu", default="build/release/bin/chitu")
    parser.add_argument("--model", required=True)
    parser.add_argument("--size", type=int, default=128, help="width and height in pixels")
    parser.add_argument("--frames", type=int, default=9)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of the computation; reading has a thread of its own")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    measure_overlap(options)
    measure_memory(options)


if __name__ == "__main__":
    main()
