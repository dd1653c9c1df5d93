#!/usr/bin/env python3
"""Compares chitu with the low-memory options of diffusers on the CPU: memory and time.

    tools/bench/offload.py --chitu build/release/bin/chitu --python venv/bin/python

disk     group offload of diffusers with offload_to_disk_path, by blocks and by leaves, against low_mem_level=3
casting  layerwise casting of diffusers (weights stored in float8_e4m3fn, computed in bfloat16) against low_mem_level=3
         and against memory=fp8_disk, which rounds the same weights
tiling   tiled VAE decode of diffusers against vae_tiling=exact (equal up to rounding; tiles of 32 and of 16 latents)
         and blend (diffusers' own way)

Both sides have the same folder, dtype, threads, steps and seed. Every round runs one process of each kind, in an order
that rotates from round to round, and gives one ratio per quantity; tables show medians, and the smallest and largest
ratio of the rounds. A ratio above 1 means that chitu does better.

peak memory    the peak of the process's resident memory, as the kernel counts it
above empty    the same minus the program without weights: diffusers with its imports only, `chitu graph`
after loading  diffusers: the peak after the pipeline is loaded and its memory options are on; chitu: as above empty,
               loading included
denoise step   median over the steps of a run: two forward passes (guidance), the scheduler's step
vae decode     latents to pixels
whole process  until it has ended, the MP4 written
cpu time       of the whole process, over all threads: other work on the machine affects it less than the times above
"""

import argparse
import dataclasses
import json
import os
import shutil
import sys
import tempfile

import vs_diffusers as bench

# The rows of the tables, as in vs_diffusers.py.
MEMORY_ROWS = (
    ("peak_memory", "peak memory", "MiB", "{:.0f}"),
    ("above_empty", "above empty", "MiB", "{:.0f}"),
    ("running_above_empty", "after loading", "MiB", "{:.0f}"),
)
STEP_ROW = ("denoise_step", "denoise step", "s", "{:.2f}")
VAE_ROW = ("vae_decode", "vae decode", "s", "{:.2f}")
PROCESS_ROWS = (("whole_process", "whole process", "s", "{:.2f}"), ("cpu_time", "cpu time", "s", "{:.2f}"))


@dataclasses.dataclass(frozen=True)
class Case:
    """Ways to save the same memory: of diffusers, what its worker turns on; of chitu, overrides."""

    profile: str  # of make_model.py
    request: dict
    time_row: tuple
    theirs: dict
    ours: dict


CASES = {
    "disk": Case(
        profile="gib",
        request={"num_frames": 9, "height": 128, "width": 128, "dtype": "float32"},
        time_row=STEP_ROW,
        theirs={
            "block_level": {"group_offload": "block_level"},
            "leaf_level": {"group_offload": "leaf_level"},
        },
        ours={"low_mem_level=3": ["infer.diffusion.low_mem_level=3"]},
    ),
    "casting": Case(
        profile="gib",
        request={"num_frames": 9, "height": 128, "width": 128, "dtype": "bfloat16"},
        time_row=STEP_ROW,
        theirs={"float8_e4m3fn": {"layerwise": "float8_e4m3fn", "compute_dtype": "bfloat16"}},
        ours={
            "low_mem_level=3": ["infer.diffusion.low_mem_level=3"],
            "memory=fp8_disk": ["memory=fp8_disk"],
        },
    ),
    "tiling": Case(
        profile="vae96",
        request={"num_frames": 9, "height": 512, "width": 512, "dtype": "float32", "steps": 1},
        time_row=VAE_ROW,
        theirs={"enable_tiling": {"vae_tiling": True}},
        ours={
            "vae_tiling=exact": ["infer.vae_tiling=exact"],
            "vae_tiling=exact, 16": ["infer.vae_tiling=exact", "infer.vae_tile_size=16"],
            "vae_tiling=blend": ["infer.vae_tiling=blend"],
        },
    ),
}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chitu", default=os.path.join(bench.ROOT, "build/release/bin/chitu"))
    parser.add_argument("--python", default=sys.executable, help="interpreter that has diffusers")
    parser.add_argument("--cases", nargs="+", choices=tuple(CASES), default=tuple(CASES))
    parser.add_argument("--gib", metavar="FOLDER", help="a model of that profile, made before")
    parser.add_argument("--vae96", metavar="FOLDER", help="likewise")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, default=4, help="of disk and casting; tiling takes one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--num-frames", type=int)
    parser.add_argument("--size", type=int, help="height and width in pixels")
    parser.add_argument("--wait-quiet", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--json", help="file for everything measured")
    return parser.parse_args()


def make_request(case, options):
    model = getattr(options, case.profile) or bench.make_profile(options.python, case.profile)
    request = {
        "model": os.path.abspath(model),
        "prompt": bench.PROMPT,
        "steps": options.steps,
        "guidance_scale": 5.0,
        "seed": 0,
        "fps": 8,
        "vae_dtype": "float32",
        "threads": options.threads,
        **case.request,
    }
    if options.num_frames:
        request["num_frames"] = options.num_frames
    if options.size:
        request["height"] = request["width"] = options.size
    return request


def measure_empty(options, model):
    """Peak of each program before it has any weights."""
    worker = os.path.join(bench.HERE, "diffusers_worker.py")
    commands = {
        "diffusers": [options.python, worker, "--imports"],
        "chitu": [os.path.abspath(options.chitu), "graph", f"model.ckpt_dir={model}"],
    }
    return {
        name: bench.measure_process(command, None, options.threads)[1]["peak_memory"]
        for name, command in commands.items()
    }


def run_way(side, way, request, options, empty):
    """One process of one way, in a folder of its own."""
    folder = tempfile.mkdtemp(prefix="chitu-bench-")
    bench.wait_until_quiet(options.wait_quiet)
    try:
        if side == "chitu":
            result = bench.run_chitu(options, {**request, "overrides": way}, folder)
        else:
            saving = {**way, "folder": os.path.join(folder, "offloaded")}
            result = bench.run_diffusers(options, {**request, "save_memory": saving}, folder)
    finally:
        shutil.rmtree(folder)
    result["above_empty"] = result["peak_memory"] - empty[side]
    result["running_above_empty"] = result["running_peak"] - empty[side]
    return result


def run_rounds(case, request, options, empty):
    """Every way once a round; a round begins one way later than the round before."""
    ways = [("diffusers", label, way) for label, way in case.theirs.items()]
    ways += [("chitu", label, way) for label, way in case.ours.items()]
    rounds = []
    for index in range(options.rounds):
        first = index % len(ways)
        results = {}
        for side, label, way in ways[first:] + ways[:first]:
            results[label] = run_way(side, way, request, options, empty)
            print(f"round {index + 1} of {options.rounds}: {side} {label}: {describe(results[label])}",
                  file=sys.stderr, flush=True)
        rounds.append(results)
    return rounds


def describe(result):
    return (f"{result['whole_process']:.1f} s, {result['peak_memory'] / 2**20:.0f} MiB,"
            f" other processes used {result['others_cpu']:.1f} cores")


def run_case(name, options):
    case = CASES[name]
    request = make_request(case, options)
    empty = measure_empty(options, request["model"])
    rounds = run_rounds(case, request, options, empty)
    rows = (*MEMORY_ROWS, case.time_row, *PROCESS_ROWS)
    tables = {}
    print(f"\n{name}: {case.profile}, {request['num_frames']}x{request['height']}x{request['width']},"
          f" {request['steps']} steps, {request['dtype']}, {request['threads']} threads, {options.rounds} rounds;"
          f" empty: diffusers {empty['diffusers'] / 2**20:.0f} MiB, chitu {empty['chitu'] / 2**20:.0f} MiB")
    for theirs in case.theirs:
        for ours in case.ours:
            pairs = [{"diffusers": results[theirs], "chitu": results[ours]} for results in rounds]
            table = bench.summarise(pairs, rows)
            print(f"\n{theirs} / {ours}")
            bench.print_table(table, rows)
            tables[f"{theirs} / {ours}"] = table
    return {"request": request, "empty": empty, "tables": tables, "rounds": rounds}


def main():
    options = parse_options()
    print(bench.machine())
    measured = {name: run_case(name, options) for name in options.cases}
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": bench.machine(), "cases": measured}, file, indent=1)


if __name__ == "__main__":
    main()
