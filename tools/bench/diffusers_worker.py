#!/usr/bin/env python3
"""One generation through diffusers, with the time of its parts: the other side of vs_diffusers.py.

Reads a request (JSON) on standard input and prints the marks (JSON) as its last line. Seconds count from the start of
the process as the kernel recorded it, which is how chitu counts in its metrics.json.
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


def generate(pipe, request, marks):
    """Runs the pipeline as its users do, and notes when each step ends and how long the VAE takes."""
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
    request = json.load(sys.stdin)
    import torch

    torch.set_num_threads(request["threads"])
    marks = {"step_ends": []}
    frames = generate(load_pipeline(request), request, marks)
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
