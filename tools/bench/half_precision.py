#!/usr/bin/env python3
"""Compares a denoising step in bfloat16 with one in float32, on the CPU as it is and with limited instructions.

    tools/bench/half_precision.py --chitu build/release/bin/chitu --python venv/bin/python

The model is the profile `larger` of make_model.py, 33x256x256. Every round runs float32 and bfloat16, in alternating
order, with each limit of CHITU_CPU_CAPABILITY, and gives one ratio per limit: bfloat16 / float32, of the median step and
of the CPU time of the process. With avx2 the processor behaves like one without instructions for bfloat16.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile

import vs_diffusers as bench

def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chitu", default=os.path.join(bench.ROOT, "build/release/bin/chitu"))
    parser.add_argument("--python", default=sys.executable, help="interpreter that has diffusers, to make the model")
    parser.add_argument("--dtype", choices=("bfloat16", "float16"), default="bfloat16")
    parser.add_argument("--capabilities", nargs="+", default=["native", "avx2"], help="native, avx512, avx2, default")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="file for everything measured")
    return parser.parse_args()


def make_request(options, dtype):
    frames, height, width = bench.PROFILE_SIZES["larger"]
    return {
        "model": bench.make_profile(options.python, "larger"),
        "prompt": bench.PROMPT,
        "num_frames": frames,
        "height": height,
        "width": width,
        "steps": options.steps,
        "guidance_scale": 5.0,
        "seed": 0,
        "fps": 8,
        "dtype": dtype,
        "vae_dtype": "float32",
        "threads": options.threads,
    }


def run_limited(options, capability, dtype):
    """One run, with the environment of the limit."""
    folder = tempfile.mkdtemp(prefix="chitu-bench-")
    before = os.environ.pop("CHITU_CPU_CAPABILITY", None)
    if capability != "native":
        os.environ["CHITU_CPU_CAPABILITY"] = capability
    try:
        return bench.run_chitu(options, make_request(options, dtype), folder)
    finally:
        os.environ.pop("CHITU_CPU_CAPABILITY", None)
        if before is not None:
            os.environ["CHITU_CPU_CAPABILITY"] = before
        shutil.rmtree(folder)


def main():
    options = parse_options()
    dtypes = ("float32", options.dtype)
    rounds = []
    for index in range(options.rounds):
        results = {}
        for capability in options.capabilities:
            for dtype in dtypes if index % 2 == 0 else dtypes[::-1]:
                results.setdefault(capability, {})[dtype] = run_limited(options, capability, dtype)
        rounds.append(results)
        print(f"round {index + 1} of {options.rounds}", file=sys.stderr, flush=True)
    print(bench.machine())
    print(f"{'':10}{'float32':>12}{options.dtype:>12}{'step':>9}   {'spread':15}{'cpu time':>9}")
    for capability in options.capabilities:
        pairs = [[results[capability][dtype] for dtype in dtypes] for results in rounds]
        steps = [statistics.median(pair[side]["denoise_step"] for pair in pairs) for side in (0, 1)]
        ratios = [half["denoise_step"] / single["denoise_step"] for single, half in pairs]
        cpu = statistics.median(half["cpu_time"] / single["cpu_time"] for single, half in pairs)
        print(f"{capability:10}{steps[0]:10.3f} s{steps[1]:10.3f} s{statistics.median(ratios):8.2f}x"
              f"   {min(ratios):.2f} to {max(ratios):.2f}   {cpu:8.2f}x")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": bench.machine(), "rounds": rounds}, file, indent=1)


if __name__ == "__main__":
    main()
