#!/usr/bin/env python3
"""Makes a Wan text-to-video folder with random weights, written by diffusers itself, to measure speed on.

    make_model.py --profile larger --out build/bench/larger [--like assets/demo-t2v]

tiny    the sizes of the folder given by --like
larger  transformer of 4 heads x 64 and 4 layers, VAE of base_dim 16
vae96   transformer of tiny, VAE of base_dim 96: that of the published Wan 2.1 checkpoints
gib     transformer of 1 GiB in float32: 16 layers of 8 heads x 128; the rest as tiny

The tokenizer is copied from --like. Weights are those of a fresh model with seed 0: speed and memory do not depend on
their values, and nothing in a random model comes near infinity.
"""

import argparse
import json
import os
import shutil
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
warnings.filterwarnings("ignore")

TEXT = {
    "tiny": {},
    "larger": dict(d_model=192, d_kv=32, d_ff=512, num_layers=4, num_heads=6),
    "vae96": {},
    "gib": {},
}
TRANSFORMER = {
    "tiny": {},
    "larger": dict(num_attention_heads=4, attention_head_dim=64, ffn_dim=704, num_layers=4, freq_dim=256),
    "vae96": {},
    "gib": dict(num_attention_heads=8, attention_head_dim=128, ffn_dim=4096, num_layers=16, freq_dim=256),
}
WAN_VAE = dict(z_dim=16, dim_mult=[1, 2, 4, 4], num_res_blocks=2, attn_scales=[])
# The latent statistics of a random VAE mean nothing; zeros and ones keep its input as it is.
PLAIN_LATENTS = dict(latents_mean=[0.0] * 16, latents_std=[1.0] * 16)
VAE = {
    "tiny": {},
    "larger": dict(base_dim=16, **WAN_VAE, **PLAIN_LATENTS),
    "vae96": dict(base_dim=96, **WAN_VAE, **PLAIN_LATENTS),
    "gib": {},
}
PROFILES = tuple(TEXT)


def read_json(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return json.load(file)


def read_config(like, part):
    return {key: value for key, value in read_json(like, part, "config.json").items() if not key.startswith("_")}


def set_tokenizer_class(folder, like):
    index = read_json(folder, "model_index.json")
    index["tokenizer"] = read_json(like, "model_index.json")["tokenizer"]
    with open(os.path.join(folder, "model_index.json"), "w", encoding="utf-8") as file:
        json.dump(index, file, indent=2)


def make_model(profile, like, out):
    import torch
    from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
    from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

    torch.manual_seed(0)
    text_config = {**read_config(like, "text_encoder"), **TEXT[profile]}
    vae_config = {**read_config(like, "vae"), **VAE[profile]}
    transformer_config = {
        **read_config(like, "transformer"),
        **TRANSFORMER[profile],
        "text_dim": text_config["d_model"],
        "in_channels": vae_config["z_dim"],
        "out_channels": vae_config["z_dim"],
    }
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=os.path.join(like, "tokenizer", "tokenizer.json"))
    pipeline = WanPipeline(
        tokenizer=tokenizer,
        text_encoder=UMT5EncoderModel(UMT5Config(**text_config)),
        vae=AutoencoderKLWan(**vae_config),
        transformer=WanTransformer3DModel(**transformer_config),
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
    )
    shutil.rmtree(out, ignore_errors=True)
    unfinished = out.rstrip("/") + ".unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    pipeline.save_pretrained(unfinished)
    shutil.rmtree(os.path.join(unfinished, "tokenizer"))
    shutil.copytree(os.path.join(like, "tokenizer"), os.path.join(unfinished, "tokenizer"))
    set_tokenizer_class(unfinished, like)
    os.rename(unfinished, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", choices=PROFILES, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--like", default="assets/demo-t2v", help="folder with a tokenizer and the sizes of tiny")
    options = parser.parse_args()
    make_model(options.profile, options.like, options.out)


if __name__ == "__main__":
    main()
