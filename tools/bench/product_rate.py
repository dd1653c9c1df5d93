#!/usr/bin/env python3
"""The rate of a large float32 matrix product in libtorch, in floating-point operations per second: the machine's limit.

    OMP_NUM_THREADS=2 python tools/bench/product_rate.py      # needs torch

Prints JSON: `blas` is torch.mm, `onednn` the same product through oneDNN where this libtorch has it, each the best of
several.
"""

import json
import os
import time

import torch

SIDE = 2048
RUNS = 8


def best_rate(product):
    product()  # loads kernels, touches pages
    seconds = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        product()
        seconds.append(time.perf_counter() - begin)
    return 2 * SIDE**3 / min(seconds)


def main():
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    a, b = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    rates = {"blas": best_rate(lambda: torch.mm(a, b))}
    if torch.backends.mkldnn.is_available():
        rates["onednn"] = best_rate(lambda: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], ""))
    print(json.dumps({**rates, "torch": torch.__version__, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    with torch.inference_mode():
        main()
