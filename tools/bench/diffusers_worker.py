#!/usr/bin/env python3
"""One generation with diffusers, with the time of its parts, for vs_diffusers.py and offload.py.

Reads a request (JSON) on standard input and prints the marks (JSON) as its last line. Seconds count from the start of
the process as the kernel recorded it, which is how chitu counts in its metrics.json. With --imports it imports what a
generation needs and ends: the memory of that is the floor of every other run.
"""

import json
import os
import sys
import time


def seconds_since_start():
    with open("/proc/self/stat") as stat:
        start_ticks = int(stat.read().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - start_ticks / os.sysconf("SC_CLK_TCK")


def load_pipeline(request):
    import torch
    from diffusers import AutoencoderKLWan, WanPipeline

    vae = AutoencoderKLWan.from_pretrained(
        request["model"], subfolder="vae", torch_dtype=getattr(torch, request["vae_dtype"])
    )
    return WanPipeline.from_pretrained(request["model"], vae=vae, torch_dtype=getattr(torch, request["dtype"]))


def save_memory(pipe, saving):
    """Turns on the memory options of diffusers, as its documentation describes them.

    group_offload  block_level or leaf_level: weights of transformer and text encoder are stored in files below `folder`
    layerwise      storage dtype of the transformer's weights, cast layer by layer to `compute_dtype`
    vae_tiling     decodes in overlapping tiles
    """
    import torch
    from diffusers.hooks import apply_group_offloading

    if "group_offload" in saving:
        for name in ("transformer", "text_encoder"):
            apply_group_offloading(
                getattr(pipe, name),
                onload_device=torch.device("cpu"),
                offload_device=torch.device("cpu"),
                offload_type=saving["group_offload"],
                num_blocks_per_group=1,
                offload_to_disk_path=os.path.join(saving["folder"], name),
            )
    if "layerwise" in saving:
        pipe.transformer.enable_layerwise_casting(
            storage_dtype=getattr(torch, saving["layerwise"]), compute_dtype=getattr(torch, saving["compute_dtype"])
        )
    if saving.get("vae_tiling"):
        pipe.vae.enable_tiling()


def forget_peak():
    """The peak of resident memory so far in bytes; resets it."""
    with open("/proc/self/status") as status:
        kibibytes = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")
    return kibibytes * 1024


def generate(pipe, request, marks):
    """Runs the pipeline as its users do, and records the end of each step and the time of the VAE."""
    import torch

    def first_forward(*_):
        marks.setdefault("to_first_step", seconds_since_start())

    def step_ended(_pipe, _index, _timestep, tensors):
        marks["step_ends"].append(seconds_since_start())
        return tensors

    decode = pipe.vae.decode

    def timed_decode(*args, **kwargs):
        begin = time.perf_counter()
        decoded = decode(*args, **kwargs)
        marks["vae_decode"] = time.perf_counter() - begin
        return decoded

    pipe.transformer.register_forward_pre_hook(first_forward)
    pipe.vae.decode = timed_decode
    pipe.set_progress_bar_config(disable=True)
    return pipe(
        prompt=request["prompt"],
        negative_prompt="",
        width=request["width"],
        height=request["height"],
        num_frames=request["num_frames"],
        num_inference_steps=request["steps"],
        guidance_scale=request["guidance_scale"],
        generator=torch.Generator("cpu").manual_seed(request["seed"]),
        callback_on_step_end=step_ended,
        output_type="np",
    ).frames[0]


def write_video(frames, path, fps):
    """Writes an MP4 with PyAV; chitu's run includes that too."""
    import av

    pixels = (frames * 255).round().astype("uint8")
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width = pixels.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in pixels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def main():
    import torch

    if sys.argv[1:] == ["--imports"]:
        import av  # noqa: F401
        from diffusers import AutoencoderKLWan, WanPipeline  # noqa: F401
        from transformers import UMT5EncoderModel  # noqa: F401

        return
    request = json.load(sys.stdin)
    torch.set_num_threads(request["threads"])
    marks = {"step_ends": []}
    pipe = load_pipeline(request)
    save_memory(pipe, request.get("save_memory", {}))
    marks["loading_peak"] = forget_peak()
    frames = generate(pipe, request, marks)
    write_video(frames, request["video"], request["fps"])

    import diffusers
    import transformers

    begins = [marks["to_first_step"], *marks["step_ends"]]
    print(
        json.dumps(
            {
                "to_first_step": marks["to_first_step"],
                "steps": [end - begin for begin, end in zip(begins, marks["step_ends"])],
                "vae_decode": marks["vae_decode"],
                "loading_peak": marks["loading_peak"],
                "threads": torch.get_num_threads(),
                "versions": {
                    "torch": torch.__version__,
                    "diffusers": diffusers.__version__,
                    "transformers": transformers.__version__,
                },
            }
        )
    )


if __name__ == "__main__":
    main()
