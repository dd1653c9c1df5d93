#!/usr/bin/env python3
"""Measures chitu against diffusers: same checkpoint, dtypes, threads, steps and seed, in turn.

    python3 tools/bench/vs_diffusers.py --chitu build/release/bin/chitu --python venv/bin/python
    python3 tools/bench/vs_diffusers.py --profile larger --dtype bfloat16 --rounds 5 --json larger.json

Every round runs one process of each, the order changing from round to round, and gives one ratio per quantity; the
table shows medians, and the smallest and largest ratio of the rounds. A ratio above 1 means that chitu does better.

--python is an interpreter with torch, diffusers, transformers, av (PyAV) and what they need; the figures name the
versions. This script itself needs nothing but Python 3.10.

first step     start of the process to the first forward pass of the transformer: imports, weights, prompt
denoise step   median over the steps of a run: two forward passes (guidance), the scheduler's step
vae decode     latents to pixels
whole process  until it has ended, the MP4 written
cpu time       of the whole process, user and system, over all threads
share          floating-point operations of a step, as `chitu plan` counts them, over the time of the step and the rate of a
               large float32 product that the same libtorch makes on the same threads in the same round (product_rate.py)
peak memory    the most resident memory, as the kernel counted it. Both programs have it count anew on the way (chitu at
               each stage), which the count at the end of the process follows: the largest of all counts is taken
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DEMO = os.path.join(ROOT, "assets", "demo-t2v")
PROMPT = "a red circle moving right on a white background"

# Frames, height and width that a profile is measured at.
PROFILE_SIZES = {"tiny": (9, 64, 64), "larger": (33, 256, 256), "vae96": (5, 128, 128)}

# The rows of the table: key, label, unit, how to print a value.
ROWS = (
    ("to_first_step", "first step", "s", "{:.2f}"),
    ("denoise_step", "denoise step", "ms", "{:.1f}"),
    ("vae_decode", "vae decode", "ms", "{:.1f}"),
    ("whole_process", "whole process", "s", "{:.2f}"),
    ("cpu_time", "cpu time", "s", "{:.2f}"),
    ("peak_memory", "peak memory", "MiB", "{:.0f}"),
)
SCALES = {"s": 1, "ms": 1e3, "MiB": 2**-20}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chitu", default=os.path.join(ROOT, "build/release/bin/chitu"))
    parser.add_argument("--python", default=sys.executable, help="interpreter that has diffusers")
    parser.add_argument("--model", default=DEMO, help="checkpoint folder in the diffusers layout")
    parser.add_argument("--profile", choices=tuple(PROFILE_SIZES), help="make a random model instead of using --model")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--vae-dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance-scale", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--num-frames", type=int)
    parser.add_argument("--height", type=int)
    parser.add_argument("--width", type=int)
    parser.add_argument("--prompt", default=PROMPT)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--wait-quiet", type=float, default=0, metavar="SECONDS", help="before a process, wait so long for idle cores"
    )
    parser.add_argument("--json", help="file for everything measured")
    return parser.parse_args()


def make_request(options):
    frames, height, width = PROFILE_SIZES[options.profile or "tiny"]
    return {
        "model": os.path.abspath(options.model),
        "prompt": options.prompt,
        "num_frames": options.num_frames or frames,
        "height": options.height or height,
        "width": options.width or width,
        "steps": options.steps,
        "guidance_scale": options.guidance_scale,
        "seed": options.seed,
        "fps": 8,
        "dtype": options.dtype,
        "vae_dtype": options.vae_dtype,
        "threads": options.threads,
    }


def make_profile(python, profile, like=DEMO):
    """The folder of the profile's model, made once."""
    folder = os.path.join(ROOT, "build", "bench", profile)
    if not os.path.isdir(folder):
        print(f"making {folder}", flush=True)
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        script = os.path.join(HERE, "make_model.py")
        subprocess.run([python, script, "--profile", profile, "--out", folder, "--like", like], check=True)
    return folder


def cpu_seconds():
    """Seconds of CPU that everything on this machine has used since it started."""
    with open("/proc/stat") as stat:
        ticks = [int(field) for field in stat.readline().split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def wait_until_quiet(seconds):
    """Waits until other processes use less than a sixth of a core, but no longer than this."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        before = cpu_seconds()
        time.sleep(0.5)
        if cpu_seconds() - before < 0.5 / 6:
            return


def measure_process(command, folder, threads, stdin=None):
    """Runs a command to its end; returns its standard output and what the kernel says it cost.

    `others_cpu` is how many cores other processes kept busy meanwhile: figures taken in company are worth less.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    busy_before, begin = cpu_seconds(), time.monotonic()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as request:
        request.write(json.dumps(stdin).encode())
        request.seek(0)
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=request, stdout=output, stderr=errors, close_fds=True
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - begin
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)}\nended with {process.returncode}:\n{errors.read().decode()[-4000:]}")
        cpu_time = usage.ru_utime + usage.ru_stime
        cost = {
            "whole_process": wall,
            "cpu_time": cpu_time,
            "peak_memory": usage.ru_maxrss * 1024,
            "others_cpu": max(0.0, (cpu_seconds() - busy_before - cpu_time) / wall),
        }
        return output.read().decode(), cost


def run_diffusers(options, request, folder):
    request = {**request, "video": os.path.join(folder, "video.mp4")}
    command = [options.python, os.path.join(HERE, "diffusers_worker.py")]
    output, cost = measure_process(command, folder, options.threads, request)
    marks = json.loads(output.splitlines()[-1])
    return {
        **marks,
        **cost,
        "denoise_step": statistics.median(marks["steps"]),
        "running_peak": cost["peak_memory"],
        "peak_memory": max(marks["loading_peak"], cost["peak_memory"]),
    }


def run_chitu(options, request, folder):
    command = [
        os.path.abspath(options.chitu),
        "run",
        *chitu_keys(request),
        "--prompt",
        request["prompt"],
        f"infer.threads={request['threads']}",
        "hydra.run.dir=run",
    ]
    _, cost = measure_process(command, folder, options.threads)
    with open(os.path.join(folder, "run", "metrics.json"), encoding="utf-8") as file:
        metrics = json.load(file)
    peak = max(cost["peak_memory"], metrics["memory"]["peak_host_bytes"])
    stages = {stage["name"]: stage["seconds"] for stage in metrics["stages"]}
    steps = [step["seconds"] for step in metrics["steps"]]
    return {
        **cost,
        "peak_memory": peak,
        "running_peak": peak,
        "to_first_step": metrics["seconds"]["to_first_step"],
        "steps": steps,
        "denoise_step": statistics.median(steps),
        "vae_decode": stages["decode_latents"],
        "threads": metrics["threads"],
        "versions": metrics["versions"],
    }


def chitu_keys(request):
    """The overrides that make chitu compute this request."""
    keys = ("width", "height", "num_frames", "guidance_scale", "seed", "fps")
    return [
        f"model.ckpt_dir={request['model']}",
        *(f"request.{key}={request[key]}" for key in keys),
        f"request.num_inference_steps={request['steps']}",
        f"infer.dtype={request['dtype']}",
        f"infer.vae_dtype={request['vae_dtype']}",
        "device=cpu",
        *request.get("overrides", ()),
    ]


def flops_per_step(options, request):
    """Multiplications and additions of a step, as the plan of level 0 counts them."""
    command = [os.path.abspath(options.chitu), "plan", *chitu_keys(request), "--format", "json"]
    with tempfile.TemporaryDirectory() as folder:
        plan = json.loads(measure_process(command, folder, options.threads)[0])
    return next(level["flops_per_step"] for level in plan["levels"] if level["low_mem_level"] == 0)


def product_rate(options):
    """Floating-point operations a second of a large float32 product: by libtorch's BLAS, and by its oneDNN."""
    command = [options.python, os.path.join(HERE, "product_rate.py")]
    return json.loads(measure_process(command, HERE, options.threads)[0].splitlines()[-1])


def shares_of_limit(rounds, flops):
    """For BLAS and oneDNN: the rate, and which share of it a step of each side comes to, as medians of the rounds."""
    shares = {}
    for library in ("blas", "onednn"):
        measured = [results for results in rounds if library in results["limit"]]
        if measured:
            shares[library] = {
                "rate": statistics.median(results["limit"][library] for results in measured),
                **{
                    side: statistics.median(
                        flops / results[side]["denoise_step"] / results["limit"][library] for results in measured
                    )
                    for side in ("diffusers", "chitu")
                },
            }
    return shares


def print_shares(shares, flops):
    print(f"a step is {flops / 1e9:.1f} GFLOP; its share of the rate of a large float32 product:")
    for library, share in shares.items():
        print(f"{library:15}{share['diffusers']:>14.2f}{share['chitu']:>14.2f}   of {share['rate'] / 1e9:.0f} GFLOP/s")


def run_rounds(options, request):
    """Both sides once a round; diffusers goes first in even rounds, chitu in odd ones."""
    sides = {"diffusers": run_diffusers, "chitu": run_chitu}
    rounds = []
    for index in range(options.rounds):
        results = {}
        for name in sorted(sides, reverse=index % 2 == 0):
            folder = tempfile.mkdtemp(prefix="chitu-bench-")
            wait_until_quiet(options.wait_quiet)
            try:
                results[name] = sides[name](options, request, folder)
            finally:
                shutil.rmtree(folder)
        results["limit"] = product_rate(options)
        rounds.append(results)
        print(f"round {index + 1} of {options.rounds}: {describe(results)}", file=sys.stderr, flush=True)
    return rounds


def describe(results):
    ratio = results["diffusers"]["whole_process"] / results["chitu"]["whole_process"]
    others = max(results[side]["others_cpu"] for side in ("diffusers", "chitu"))
    return f"whole process {ratio:.2f}x, other processes used {others:.1f} cores"


def summarise(rounds, rows=ROWS):
    table = {}
    for key, *_ in rows:
        ratios = [results["diffusers"][key] / results["chitu"][key] for results in rounds]
        table[key] = {
            "diffusers": statistics.median(results["diffusers"][key] for results in rounds),
            "chitu": statistics.median(results["chitu"][key] for results in rounds),
            "ratio": statistics.median(ratios),
            "ratio_min": min(ratios),
            "ratio_max": max(ratios),
        }
    return table


def print_table(table, rows=ROWS):
    print(f"{'':15}{'diffusers':>14}{'chitu':>14}{'ratio':>9}   spread")
    for key, label, unit, form in rows:
        row = table[key]
        theirs, ours = (form.format(row[side] * SCALES[unit]) + " " + unit for side in ("diffusers", "chitu"))
        spread = f"{row['ratio_min']:.2f} to {row['ratio_max']:.2f}"
        print(f"{label:15}{theirs:>14}{ours:>14}{row['ratio']:>8.2f}x   {spread}")


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), model)
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def main():
    options = parse_options()
    if options.profile:
        options.model = make_profile(options.python, options.profile, options.model)
    request = make_request(options)
    rounds = run_rounds(options, request)
    table = summarise(rounds)
    versions = {**rounds[0]["diffusers"]["versions"], **rounds[0]["chitu"]["versions"]}
    print(machine())
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    print(
        f"{options.profile or options.model}: {request['num_frames']}x{request['height']}x{request['width']},"
        f" {request['steps']} steps, {request['dtype']}, vae {request['vae_dtype']},"
        f" {request['threads']} threads, {options.rounds} rounds"
    )
    print_table(table)
    flops = flops_per_step(options, request)
    shares = shares_of_limit(rounds, flops)
    print_shares(shares, flops)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            measured = {"table": table, "flops_per_step": flops, "share_of_limit": shares, "rounds": rounds}
            json.dump({"machine": machine(), "request": request, **measured}, file, indent=1)


if __name__ == "__main__":
    main()
