#!/usr/bin/env python3
"""Speed and quality of each cache on one model: passes over the layers, seconds of steps, PSNR against a run without.

    tools/bench/flexcache.py                                   the demo model on the CPU
    tools/bench/flexcache.py --json out.json --prompts 6
    tools/bench/flexcache.py --only taylorseer firstblock -- model=wan2.1-t2v-1.3b device=cuda

What follows `--` are overrides of every run. Passes are layers that computed, summed over all passes, relative to a run
without a cache; PSNR is over all frames of all prompts, as `chitu compare` has it. Seconds are those of all steps, from
one run each: they show that skipped layers cost nothing, not how fast a machine is.
"""

import argparse
import json
import math
import pathlib
import tempfile

import runs

COLOURS = ["red", "green", "blue", "yellow", "purple", "white"]
SHAPES = ["circle", "square", "triangle", "cross"]
MOTIONS = ["right", "up", "left", "down"]
GROUNDS = ["white", "black", "blue", "green", "black", "red"]

# What the layers of the demo model add, relative to the step before: the ratios of magcache.
RATIOS = [1, 0.981, 0.989, 0.991, 0.992, 0.993, 0.995, 0.997, 0.998, 0.999, 0.999, 1.001, 1.002, 1.003, 1.005, 1.006, 1.009,
          1.010, 1.013, 1.016]
# name of the cache -> the parameters that are tried
TRIED = {
    "teacache": [{"threshold": 0.4}, {"threshold": 0.4, "warmup": 5}],
    "magcache": [{"ratios": RATIOS, "retention_ratio": 0.3, "most_skipped": 1},
                 {"ratios": RATIOS, "retention_ratio": 0.25, "most_skipped": 2}],
    "meancache": [{"fresh_steps": 30}, {"fresh_steps": 25}, {"fresh_steps": 17},
                  {"steps": [0, 1, 2, 3, 4, 5, 7, 9, 11, 13, 15, 17, 19]}],
    "freecache": [{"threshold": 0.1}, {"threshold": 0.3}],
    "taylorseer": [{"interval": 2, "warmup": 6}, {"interval": 2, "order": 2, "warmup": 6}, {"interval": 3, "warmup": 5}],
    "firstblock": [{"threshold": 0.1}, {"threshold": 0.2, "warmup": 5}],
    "blockdance": [{"boundary": 2}, {"boundary": 4}],
    "pab": [{}],
}


def prompts(count):
    return [f"a {COLOURS[i % 6]} {SHAPES[i % 4]} moving {MOTIONS[i % 4]} on a {GROUNDS[i % 6]} background"
            for i in range(count)]


def overrides_of(cache, params):
    if not cache:
        return []
    return [f"request.flexcache={cache}", *(f"request.flexcache_params.{k}={v}".replace(" ", "") for k, v in params.items())]


def squared_error(chitu, ours, whole):
    """Mean over the frames of the squared error that their PSNR stands for."""
    frames = runs.compared_frames(chitu, ours, whole)
    return sum(0 if f["psnr_db"] is None else 255**2 / 10 ** (f["psnr_db"] / 10) for f in frames) / len(frames)


def measure(chitu, work, texts, cache, params, shared):
    computed = layers = seconds = error = 0
    for number, text in enumerate(texts):
        folder = work / f"{cache or 'none'}-{len(list(work.iterdir()))}"
        metrics = runs.run(chitu, folder, ["request.seed=1", *overrides_of(cache, params), *shared], prompt=text)
        seconds += sum(step["seconds"] for step in metrics["steps"])
        if cache:
            computed += metrics["flexcache"]["computed_layers"]
            layers += metrics["flexcache"]["all_layers"]
            error += squared_error(chitu, folder, work / f"whole-{number}") / len(texts)
        else:
            folder.rename(work / f"whole-{number}")
    psnr = 10 * math.log10(255**2 / error) if error else math.inf
    return {"cache": cache, "params": params, "fewer_passes": layers / computed if cache else 1.0, "psnr_db": psnr,
            "seconds": seconds}


def table(rows):
    yield "| cache | parameters | passes | seconds of steps | PSNR |"
    yield "| --- | --- | --- | --- | --- |"
    whole = rows[0]["seconds"]
    for row in rows:
        params = ", ".join(k if isinstance(v, list) else f"{k} {v}" for k, v in row["params"].items()) or "-"
        psnr = "-" if row["cache"] is None else f"{row['psnr_db']:.1f} dB"
        yield (f"| {row['cache'] or 'none'} | {params} | {row['fewer_passes']:.2f}x fewer | "
               f"{whole / row['seconds']:.2f}x faster | {psnr} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chitu", default=runs.CHITU)
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--only", nargs="+", choices=TRIED, default=list(TRIED), metavar="CACHE")
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures to this file")
    parser.add_argument("overrides", nargs="*", help="of every run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        texts = prompts(options.prompts)
        rows = [measure(options.chitu, work, texts, None, {}, options.overrides)]
        for cache in options.only:
            rows += [measure(options.chitu, work, texts, cache, params, options.overrides) for params in TRIED[cache]]
    print("\n".join(table(rows)))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
