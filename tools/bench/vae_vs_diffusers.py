#!/usr/bin/env python3
"""Times the decode of AutoencoderKLWan through diffusers and through chitu, in turn, on the same random weights.

    python3 tools/bench/vae_vs_diffusers.py --bench build/release/bin/vae_bench --cases tiny base96

Prints, for each case and dtype, the medians, the ratio diffusers / chitu with the quartiles of the pairs, the same ratio
of processor time (which other work on the machine affects less), the ratio of the first runs, the peaks of resident
memory (both programs whole), and how far the frames are apart. Each program has its own process; the two runs of a
pair follow each other, so that other work affects both.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

# base_dim, z_dim, dim_mult, num_res_blocks, [latent frames, height, width]
CASES = {
    "demo": (8, 8, [1, 2, 4, 8], 1, [3, 8, 8]),
    "tiny": (6, 16, [1, 2, 4, 4], 1, [3, 8, 8]),
    "small": (16, 16, [1, 2, 4, 4], 2, [5, 16, 16]),
    "base96_short": (96, 16, [1, 2, 4, 4], 2, [3, 16, 16]),
    "base96": (96, 16, [1, 2, 4, 4], 2, [5, 16, 16]),
    "base96_wide": (96, 16, [1, 2, 4, 4], 2, [3, 30, 52]),
    "picture96": (96, 16, [1, 2, 4, 4], 2, [1, 30, 52]),
}


def make_case(name, folder):
    import torch
    from diffusers import AutoencoderKLWan
    from safetensors.torch import save_file

    base, z, mult, blocks, (frames, height, width) = CASES[name]
    torch.manual_seed(0)
    vae = AutoencoderKLWan(base_dim=base, z_dim=z, dim_mult=mult, num_res_blocks=blocks,
                           temperal_downsample=[False, True, True], latents_mean=[0.0] * z, latents_std=[1.0] * z)
    with torch.no_grad():
        for key, weight in vae.named_parameters():
            if weight.dim() > 3 and "gamma" not in key:  # keep the signal alive through random layers
                torch.nn.init.kaiming_normal_(weight, nonlinearity="linear")
    vae.save_pretrained(folder)
    save_file({"latents": torch.randn(1, z, frames, height, width)}, folder / "latents.safetensors")


def worker(folder, dtype, threads):
    """diffusers' side of the protocol of vae_bench."""
    import resource
    import time

    import torch
    from diffusers import AutoencoderKLWan
    from safetensors.torch import load_file, save_file

    torch.set_num_threads(threads)
    vae = AutoencoderKLWan.from_pretrained(folder, torch_dtype=getattr(torch, dtype)).eval()
    latents = load_file(folder / "latents.safetensors")["latents"].to(vae.dtype)
    print("ready", flush=True)
    with torch.inference_mode():
        for line in sys.stdin:
            order, _, path = line.strip().partition(" ")
            if order == "run":
                start, processor = time.perf_counter(), time.process_time()
                vae.decode(latents)
                print(time.perf_counter() - start, time.process_time() - processor, flush=True)
            elif order == "peak":
                print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)
            elif order == "save":
                save_file({"frames": vae.decode(latents).sample.float().contiguous()}, path)
                print("saved", flush=True)


class Program:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.answer() == "ready"

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended with {self.process.wait()}")
        return line.strip()

    def ask(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def seconds(program):
    """Wall-clock and processor seconds of one decode."""
    return [float(word) for word in program.ask("run").split()]


def spread(pairs, clock):
    """Quartiles of the ratio diffusers / chitu."""
    ratios = [theirs[clock] / ours[clock] for theirs, ours in pairs]
    return statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3


def relative(got, expected):
    return ((got - expected).double().norm() / expected.double().norm()).item()


def run_case(name, dtype, options):
    from safetensors.torch import load_file

    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        subprocess.run([sys.executable, __file__, "--make", name, scratch], check=True)
        threads = str(options.threads)
        ours = Program([options.bench, scratch, str(folder / "latents.safetensors"), dtype, threads])
        theirs = Program([sys.executable, __file__, "--worker", scratch, dtype, threads])
        first = seconds(theirs)[0] / seconds(ours)[0]
        pairs = [(seconds(theirs), seconds(ours)) for _ in range(options.runs)]
        peaks = int(theirs.ask("peak")), int(ours.ask("peak"))
        for program, file in ((ours, "ours"), (theirs, "theirs")):
            program.ask(f"save {folder / file}")
            program.close()
        apart = relative(load_file(folder / "ours")["frames"], load_file(folder / "theirs")["frames"])
    medians = [statistics.median(pair[side][0] for pair in pairs) * 1e3 for side in (0, 1)]
    wall, processor = spread(pairs, 0), spread(pairs, 1)
    print(f"{name:12} {dtype:9} diffusers {medians[0]:8.1f} ms  chitu {medians[1]:8.1f} ms  "
          f"{wall[1]:5.2f}x ({wall[0]:.2f}..{wall[2]:.2f})  processor {processor[1]:5.2f}x "
          f"({processor[0]:.2f}..{processor[2]:.2f})  first run {first:5.2f}x  "
          f"peak {peaks[0] / 2**20:.0f} and {peaks[1] / 2**20:.0f} MiB  apart {apart:.1e}", flush=True)


def main():
    if sys.argv[1:2] == ["--make"]:
        return make_case(sys.argv[2], pathlib.Path(sys.argv[3]))
    if sys.argv[1:2] == ["--worker"]:
        return worker(pathlib.Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default="build/release/bin/vae_bench", help="the program vae_bench")
    parser.add_argument("--cases", nargs="+", default=["demo", "tiny", "small", "base96"], choices=CASES)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"], choices=["float32", "bfloat16"])
    parser.add_argument("--runs", type=int, default=5, help="pairs of runs a case, after a first one")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    for name in options.cases:
        for dtype in options.dtypes:
            run_case(name, dtype, options)


if __name__ == "__main__":
    main()
