#!/usr/bin/env python3
"""Runs the demo model on several ranks: speed-up of a denoising step, and bytes per step against the schemes' formulas.

    tools/bench/parallel.py                                    # 1 to 4 ranks on this machine, all schemes
    tools/bench/parallel.py --ways 2:1:ring 2:2:auto 8:1:auto:4
    tools/bench/parallel.py -- infer.threads=4 request.width=128 request.height=128
    tools/bench/parallel.py -- --config-dir=my device/profile=here   # of `chitu calibrate my/device/profile/here.yaml`

A way is CP_SIZE:CFG_SIZE:BACKEND[:UP]. Words after -- are overrides of every run; with model.ckpt_dir=DIR, it is a Wan checkpoint.
Needs torchrun. "counted" is what rank 0 has sent between ranks that share the sequence or the guidance, "formula" follows from
the shapes alone, and "plan" is what `chitu plan` says of the whole run, decoding included, beside the bytes of the run. The exit
status is 1 if any of them differ. "planned" is the speed-up of a step that the plan predicts, with a profile among the overrides.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import runs

WAYS = ["2:1:ulysses", "2:1:ring", "2:1:allgather", "1:2:auto", "3:1:auto", "4:1:auto:2", "2:2:auto"]
DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chitu", default=runs.CHITU)
    parser.add_argument("--torchrun", default="torchrun")
    parser.add_argument("--ways", nargs="+", default=WAYS, metavar="CP:CFG:BACKEND[:UP]")
    parser.add_argument("--json", help="also writes the results to this file")
    parser.add_argument("overrides", nargs="*")
    return parser.parse_args()


class Way:
    def __init__(self, text):
        cp_size, cfg_size, self.backend, *up = text.split(":")
        self.text, self.cp_size, self.cfg_size = text, int(cp_size), int(cfg_size)
        self.up = int(up[0]) if up else None

    @property
    def ranks(self):
        return self.cp_size * self.cfg_size

    def keys(self):
        values = {"cp_size": self.cp_size, "cfg_size": self.cfg_size, "cp_backend": self.backend,
                  "up": "null" if self.up is None else self.up}
        return [f"infer.diffusion.{key}={value}" for key, value in values.items()]

    def ulysses_degree(self, heads):
        if self.backend in ("ulysses", "ring"):
            return self.cp_size if self.backend == "ulysses" else 1
        if self.up is not None:
            return self.up
        return max(degree for degree in range(1, self.cp_size + 1) if self.cp_size % degree == 0 and heads % degree == 0)


def part(whole, parts, index):
    return whole // parts + (index < whole % parts)


def attention_elements(way, tokens, heads):
    """Elements of one channel of a head that rank 0 sends for one call."""
    rows = [part(tokens, way.cp_size, rank) for rank in range(way.cp_size)]
    if way.backend == "allgather":
        return 2 * (way.cp_size - 1) * heads * rows[0]
    up = way.ulysses_degree(heads)
    mine = part(heads, up, 0)
    traded = sum(3 * rows[0] * part(heads, up, other) + rows[other] * mine for other in range(1, up))
    blocks = [sum(rows[first:first + up]) for first in range(0, way.cp_size, up)]
    passed = tokens - blocks[1] if len(blocks) > 1 else 0
    return traded + 2 * passed * mine


def bytes_per_step(way, config, shape, metrics):
    """What rank 0 sends in a step, by the formulas of docs/parallel_schemes.md."""
    frames, height, width = shape
    patch = config["patch_size"]
    tokens = frames * height * width // (patch[0] * patch[1] * patch[2])
    of_token = config["out_channels"] * patch[0] * patch[1] * patch[2]
    branches = 2 // way.cfg_size
    interleave = metrics["plan"]["guidance_interleave"] and branches == 2
    calls = config["num_layers"] * branches - (1 if interleave else 0)  # branches share the first
    elements = 0
    if way.cp_size > 1:
        heads = config["num_attention_heads"]
        elements += calls * attention_elements(way, tokens, heads) * config["attention_head_dim"]
        elements += branches * (way.cp_size - 1) * part(tokens, way.cp_size, 0) * of_token
    if way.cfg_size > 1:
        elements += tokens * of_token
    return elements * DTYPE_BYTES[metrics["plan"]["transformer"]["dtype"]]


def run(options, way, folder):
    if not way:
        return runs.run(options.chitu, folder, options.overrides)
    launch = [options.torchrun, "--no-python", "--standalone", f"--nproc_per_node={way.ranks}"]
    return runs.run(options.chitu, folder, [*options.overrides, *way.keys()], launch=launch)


def planned(options, way):
    command = [str(options.chitu), "plan", "--json", "--prompt", runs.PROMPT, *options.overrides, *way.keys()]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(said)["levels"][0]


def checkpoint(options):
    given = [word.split("=", 1)[1] for word in options.overrides if word.startswith("model.ckpt_dir=")]
    return pathlib.Path(given[-1]) if given else runs.ROOT / "assets/demo-t2v"


def latents_shape(metrics):
    request = metrics["request"]
    return ((request["num_frames"] - 1) // 4 + 1, request["height"] // 8, request["width"] // 8)


def main():
    options = parse_options()
    config = json.loads((checkpoint(options) / "transformer/config.json").read_text(encoding="utf-8"))
    results, differs = [], False
    with tempfile.TemporaryDirectory(prefix="chitu-bench-") as folder:
        alone = runs.seconds_of_step(run(options, None, pathlib.Path(folder) / "alone"))
        print(f"{'way':18}{'step':>10}{'speed-up':>10}{'planned':>10}{'counted/step':>15}{'formula':>13}{'run':>13}{'plan':>13}")
        print(f"{'one process':18}{alone:8.3f} s")
        for way in map(Way, options.ways):
            metrics = run(options, way, pathlib.Path(folder) / way.text.replace(":", "-"))
            step, sent = runs.seconds_of_step(metrics), metrics["parallel"]["bytes_sent"]
            counted = (sent["context"] + sent["guidance"]) / len(metrics["steps"])
            plan = planned(options, way)
            predicted = plan.get("least_time", {}).get("speed_up", {}).get("step")
            result = {"way": way.text, "step_seconds": step, "speed_up": alone / step,
                      "planned_speed_up": predicted, "bytes_per_step": counted,
                      "formula": bytes_per_step(way, config, latents_shape(metrics), metrics),
                      "run_bytes": sum(sent.values()), "planned_bytes": plan["request"]["sent_bytes"]}
            results.append(result)
            differs |= counted != result["formula"] or result["run_bytes"] != result["planned_bytes"]
            print(f"{way.text:18}{step:8.3f} s{alone / step:9.2f}x{f'{predicted:.2f}x' if predicted else '-':>10}{counted:15,.0f}{result['formula']:13,}"
                  f"{result['run_bytes']:13,}{result['planned_bytes']:13,}", flush=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
