#!/usr/bin/env python3
"""Compares attention backends with `auto`: time of a denoising step, and PSNR of the frames.

    tools/bench/attention.py --types sage torch_sdpa
    tools/bench/attention.py --types sage -- model.ckpt_dir=DIR request.width=256 request.height=256

Each round runs all backends one after another, in alternating order. Words after -- are overrides of every run; without
them it is the demo model. A ratio above 1 is a backend that is faster than `auto`.
"""
import argparse
import os
import statistics
import sys
import tempfile

import runs


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chitu", default=runs.CHITU)
    parser.add_argument("--types", nargs="+", default=["sage"], help="values of infer.attn_type")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("overrides", nargs="*")
    return parser.parse_args()


def run(options, attn_type, folder):
    """Seconds of the median step."""
    return runs.seconds_of_step(runs.run(options.chitu, folder, [f"infer.attn_type={attn_type}", *options.overrides]))


def worst_psnr(options, a, b):
    frames = runs.compared_frames(options.chitu, a, b)
    return min((frame["psnr_db"] for frame in frames if not frame["identical"]), default=None)


def main():
    options = parse_options()
    types = ["auto", *options.types]
    rounds = []
    with tempfile.TemporaryDirectory(prefix="chitu-bench-") as folder:
        for index in range(options.rounds):
            rounds.append({attn_type: run(options, attn_type, os.path.join(folder, f"{attn_type}-{index}"))
                           for attn_type in (types if index % 2 == 0 else types[::-1])})
            print(f"round {index + 1} of {options.rounds}", file=sys.stderr, flush=True)
        psnr = {attn_type: worst_psnr(options, os.path.join(folder, "auto-0"), os.path.join(folder, f"{attn_type}-0"))
                for attn_type in options.types}
    print(f"{'':18}{'step':>12}{'auto / it':>12}   {'spread':15}{'worst frame':>12}")
    print(f"{'auto':18}{statistics.median(results['auto'] for results in rounds):10.3f} s")
    for attn_type in options.types:
        ratios = [results["auto"] / results[attn_type] for results in rounds]
        step = statistics.median(results[attn_type] for results in rounds)
        quality = "identical" if psnr[attn_type] is None else f"{psnr[attn_type]:.1f} dB"
        print(f"{attn_type:18}{step:10.3f} s{statistics.median(ratios):11.2f}x   "
              f"{min(ratios):.2f} to {max(ratios):.2f}   {quality:>12}")


if __name__ == "__main__":
    main()
