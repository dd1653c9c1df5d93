#!/usr/bin/env python3
"""Time to compose a configuration: chitu's engine against hydra-core, in one run.

    tools/bench/config.py --bin build/release/bin            # needs hydra-core in this Python
    tools/bench/config.py --bin build/release/bin --json out.json

Two trees: a small one (tests/data/config/project) and one with 200 groups and 5,000 keys. For each, medians of composing
in process (C++ API against hydra.compose) and of the whole command (`chitu config` against a Python program's --cfg job).
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = """
import hydra
@hydra.main(version_base="1.3", config_path={tree!r}, config_name="config")
def main(cfg):
    pass
main()
"""
COMPOSE = """
import statistics, sys, time
from hydra import compose, initialize_config_dir
times = []
with initialize_config_dir(version_base="1.3", config_dir={tree!r}):
    for _ in range({count}):
        start = time.perf_counter()
        compose("config", overrides={overrides!r})
        times.append(time.perf_counter() - start)
print(statistics.median(times) * 1e6)
"""


def make_large(folder):
    """200 groups of two options, 25 keys an option: 5,000 keys in the composed configuration."""
    defaults = ["defaults:", "  - _self_"]
    for group in range(200):
        name = f"group{group:03d}"
        (folder / name).mkdir()
        defaults.append(f"  - {name}: a")
        for option in "ab":
            lines = [f"key{key:02d}: {key * 0.5 if key % 3 else f'text {option} {key}'}" for key in range(24)]
            (folder / name / f"{option}.yaml").write_text("\n".join([*lines, "ref: ${.key01}"]) + "\n")
    (folder / "config.yaml").write_text("\n".join([*defaults, "seed: 1"]) + "\n")


def python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


def median_process_ms(command, count):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def measure(tree, overrides, chitu, bench, counts):
    tree = str(tree)
    ours_us = float(subprocess.run([bench, tree, "config", str(counts["ours"]), *overrides], check=True,
                                   capture_output=True, text=True).stdout)
    hydra_us = float(python(COMPOSE.format(tree=tree, count=counts["hydra"], overrides=overrides)))
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "program.py"
        program.write_text(PROGRAM.format(tree=tree))
        theirs = median_process_ms([sys.executable, str(program), "--cfg", "job", *overrides], counts["process"])
    ours = median_process_ms([chitu, "config", "--config-dir", tree, "--config-name", "config", *overrides],
                             counts["process"] * 2)
    return {"compose_us": ours_us, "hydra_compose_us": hydra_us, "process_ms": ours, "hydra_process_ms": theirs}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder with chitu and config_bench")
    parser.add_argument("--chitu", default="chitu", help="name of the command in --bin")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    chitu, bench = str(options.bin / options.chitu), str(options.bin / "config_bench")
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        large = pathlib.Path(folder)
        make_large(large)
        small = ROOT / "tests/data/config/project"
        results["small"] = measure(small, ["experiment=big", "seed=3"], chitu, bench,
                                   {"ours": 300, "hydra": 30, "process": 11})
        results["large"] = measure(large, ["group007=b", "seed=3"], chitu, bench,
                                   {"ours": 50, "hydra": 5, "process": 5})
    print(f"{'tree':6} {'compose':>12} {'hydra':>12} {'times':>6}   {'process':>10} {'hydra':>10} {'times':>6}")
    for name, r in results.items():
        print(f"{name:6} {r['compose_us'] / 1e3:9.3f} ms {r['hydra_compose_us'] / 1e3:9.1f} ms "
              f"{r['hydra_compose_us'] / r['compose_us']:6.0f}   {r['process_ms']:7.1f} ms {r['hydra_process_ms']:7.1f} ms "
              f"{r['hydra_process_ms'] / r['process_ms']:6.0f}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
