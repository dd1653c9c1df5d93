#!/usr/bin/env python3
"""Measures levels on a GPU beside diffusers with the same weights: time of a step, time to the first, memory.

    tools/bench/accelerator.py --make build/bench/wan14b --layers 16
    tools/bench/accelerator.py --model build/bench/wan14b

The model has the layer sizes of Wan 2.1 14B and random weights in bfloat16; 16 of its layers take 11 GiB, a text encoder
of four layers and a VAE of the published size 2 GiB more. --make needs diffusers and transformers, a measurement needs
diffusers and a libtorch for the GPU.

chitu       levels 0 and 3, and a limit of 6 GiB; whole runs without a warm-up
diffusers   the transformer with random inputs of the same shapes, all of it on the GPU, and with group offload of single
            blocks on a stream of its own, from pinned host memory; two passes count as a step (guidance)

A step is the median of those after the first. Memory is the peak of what the allocator gave out, reserved what it took
from the GPU. Every figure is one run; a second one shows their spread.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEMO = os.path.join(ROOT, "assets/demo-t2v")
GIB = 2**30
TEXT_DIM, TEXT_TOKENS = 4096, 512
TRANSFORMER = dict(num_attention_heads=40, attention_head_dim=128, ffn_dim=13824, freq_dim=256, text_dim=TEXT_DIM)
TEXT_ENCODER = dict(d_model=TEXT_DIM, d_kv=64, d_ff=10240, num_layers=4, num_heads=64)
VAE = dict(base_dim=96, z_dim=16, dim_mult=[1, 2, 4, 4], num_res_blocks=2, attn_scales=[],
           latents_mean=[0.0] * 16, latents_std=[1.0] * 16)
ROWS = {
    "chitu, level 0": ["infer.diffusion.low_mem_level=0"],
    "chitu, level 3": ["infer.diffusion.low_mem_level=3"],
    "chitu, infer.vram_limit=6GiB": ["infer.vram_limit=6GiB"],
}


def config_of(part, changes):
    with open(os.path.join(DEMO, part, "config.json"), encoding="utf-8") as file:
        return {**{k: v for k, v in json.load(file).items() if k != "_diffusers_version"}, **changes}


def random_tensor(torch, name, shape, dtype, generator):
    """Scaled so that activations stay of order one: nothing comes near infinity."""
    if name.endswith("bias"):
        return torch.zeros(shape, dtype=dtype)
    if "gamma" in name or "norm" in name:
        return torch.ones(shape, dtype=dtype)
    weight = torch.randn(shape, generator=generator, dtype=torch.float32)
    return (weight / math.sqrt(max(1, math.prod(shape[1:])))).to(dtype)


def write_part(folder, part, config, module, dtype, file):
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(0)
    os.makedirs(os.path.join(folder, part), exist_ok=True)
    shapes = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    shapes.pop("encoder.embed_tokens.weight", None)  # the same as shared.weight
    tensors = {name: random_tensor(torch, name, shape, dtype, generator) for name, shape in shapes.items()}
    save_file(tensors, os.path.join(folder, part, file), metadata={"format": "pt"})
    with open(os.path.join(folder, part, "config.json"), "w", encoding="utf-8") as out:
        json.dump(config, out, indent=2)


def make(folder, layers):
    import torch
    from diffusers import AutoencoderKLWan, WanTransformer3DModel
    from transformers import UMT5Config, UMT5EncoderModel

    unfinished = folder + ".part"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(DEMO, unfinished, ignore=shutil.ignore_patterns("*.safetensors"))
    transformer = config_of("transformer", {**TRANSFORMER, "num_layers": layers})
    vae, text = config_of("vae", VAE), config_of("text_encoder", TEXT_ENCODER)
    with torch.device("meta"):
        modules = (WanTransformer3DModel.from_config(transformer), AutoencoderKLWan.from_config(vae),
                   UMT5EncoderModel(UMT5Config(**text)))
    write_part(unfinished, "transformer", transformer, modules[0], torch.bfloat16,
               "diffusion_pytorch_model.safetensors")
    write_part(unfinished, "vae", vae, modules[1], torch.float32, "diffusion_pytorch_model.safetensors")
    write_part(unfinished, "text_encoder", text, modules[2], torch.bfloat16, "model.safetensors")
    os.rename(unfinished, folder)


def run_chitu(options, overrides):
    with tempfile.TemporaryDirectory() as folder:
        command = [options.chitu, "run", f"model.ckpt_dir={options.model}", "prompt=a cat", f"device={options.device}",
                   f"request.width={options.width}", f"request.height={options.height}",
                   f"request.num_frames={options.frames}", f"request.num_inference_steps={options.steps}",
                   f"hydra.run.dir={folder}/run", *overrides]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with open(f"{folder}/run/metrics.json", encoding="utf-8") as file:
            metrics = json.load(file)
    stages = [stage for stage in metrics["stages"] if stage["name"] != "save"]
    return {"step": statistics.median(step["seconds"] for step in metrics["steps"][1:]),
            "first": metrics["seconds"]["to_first_step"],
            "peak": max(stage["peak_device_bytes"] for stage in stages),
            "denoise": max(stage["peak_device_bytes"] for stage in stages if stage["name"].startswith("denoise")),
            "reserved": max(stage["reserved_device_bytes"] for stage in stages)}


def measure_peer(torch, transformer, options):
    latents = torch.randn(1, 16, (options.frames - 1) // 4 + 1, options.height // 8, options.width // 8,
                          device=options.device, dtype=torch.bfloat16)
    text = torch.randn(1, TEXT_TOKENS, TEXT_DIM, device=options.device, dtype=torch.bfloat16)
    timestep = torch.tensor([500], device=options.device)
    torch.cuda.reset_peak_memory_stats()
    seconds = []
    with torch.no_grad():
        for _ in range(options.steps):
            torch.cuda.synchronize()
            begin = time.monotonic()
            for _ in range(2):
                transformer(latents, timestep, text, return_dict=False)
            torch.cuda.synchronize()
            seconds.append(time.monotonic() - begin)
    return {"step": statistics.median(seconds[1:]), "first": None, "peak": None,
            "denoise": torch.cuda.max_memory_allocated(), "reserved": torch.cuda.max_memory_reserved()}


def run_diffusers(options):
    import torch
    from diffusers import WanTransformer3DModel

    transformer = WanTransformer3DModel.from_pretrained(os.path.join(options.model, "transformer"),
                                                        torch_dtype=torch.bfloat16)
    if options.peer == "resident":
        transformer.to(options.device)
    else:
        transformer.enable_group_offload(onload_device=torch.device(options.device),
                                         offload_device=torch.device("cpu"), offload_type="block_level",
                                         num_blocks_per_group=1, use_stream=True)
    print(json.dumps(measure_peer(torch, transformer, options)))


def in_own_process(options, peer):
    """A row of diffusers; each in a process of its own, so that none finds the memory of another."""
    again = [sys.executable, __file__, *sys.argv[1:], "--peer", peer]
    return json.loads(subprocess.run(again, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def show(label, row):
    def cell(value, scale, digits, unit):
        return "-" if value is None else f"{value / scale:.{digits}f} {unit}"
    cells = [cell(row["step"], 1, 3, "s"), cell(row["first"], 1, 1, "s"), cell(row["denoise"], GIB, 2, "GiB"),
             cell(row["peak"], GIB, 2, "GiB"), cell(row["reserved"], GIB, 2, "GiB")]
    print(f"| {label} | " + " | ".join(cells) + " |", flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chitu", default=os.path.join(ROOT, "build/release/bin/chitu"))
    parser.add_argument("--make", metavar="FOLDER", help="write the model there and end")
    parser.add_argument("--layers", type=int, default=16, help="of the transformer that --make writes")
    parser.add_argument("--model", help="the folder that --make wrote")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--width", type=int, default=832)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--frames", type=int, default=81)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--without-diffusers", action="store_true")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if bool(options.make) == bool(options.model):
        parser.error("expected one of --make and --model")
    return options


def main():
    options = arguments()
    if options.make:
        return make(options.make, options.layers)
    if options.peer:
        return run_diffusers(options)
    print("| | a step | to the first step | peak, denoising | peak | reserved |\n| --- | --- | --- | --- | --- | --- |")
    for label, overrides in ROWS.items():
        show(label, run_chitu(options, overrides))
    if not options.without_diffusers:
        show("diffusers, all on the GPU", in_own_process(options, "resident"))
        show("diffusers, group offload", in_own_process(options, "offload"))


if __name__ == "__main__":
    main()
