#!/usr/bin/env python3
"""Train the demo model: a tiny Wan text-to-video pipeline, from scratch, on clips drawn on the fly.

    python3 tools/train_demo.py --seed 0 --work build/train_demo --out assets/demo-t2v

One command, one seed, about 75 minutes on one free core with AVX-512 and bfloat16. The stages run in this order:

    tokenizer    a unigram vocabulary over the prompts and some general English     seconds
    vae          AutoencoderKLWan on pictures, on crops of clips, on whole clips    14 min
    latents      encodes the training clips once                                    3 min
    text encoder UMT5EncoderModel, on the attributes that its prompts name          1 min
    transformer  WanTransformer3DModel on latents and the embeddings of prompts     57 min
    export       writes --out in the layout of a Wan2.1-T2V diffusers folder

Each stage leaves its result under --work and is skipped when that result is there; vae and transformer also resume
from their last checkpoint, and every random draw is a function of (seed, stage, step), so an interrupted run goes on
as it would have. Losses go to standard output and to --work/log.txt.

Needs torch, diffusers, transformers, tokenizers, sentencepiece, safetensors, numpy; the versions of a run are in the
README beside the weights it made. What the clips show, and which combinations are kept out of training, is in
demo_clips.py.
"""

import argparse
import json
import math
import os
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import demo_clips as clips  # noqa: E402
import demo_vae  # noqa: E402

Z_DIM = 16
VAE_CONFIG = dict(base_dim=8, z_dim=Z_DIM, dim_mult=[1, 2, 4, 8], num_res_blocks=1, attn_scales=[],
                  temperal_downsample=[False, True, True], dropout=0.0)
# (steps, clips per step, side of the crop, frames): pictures first, which are cheap, then clips. Every fourth step of
# pictures, and the last phase, are whole: the attention in the middle must also see 8x8 positions.
VAE_PHASES = dict(pictures=(2400, 16, 32, 1), clips=(2000, 8, 32, 9), whole=(300, 2, clips.SIZE, 9))
VAE_LEARNING_RATE = 1e-3
KL_WEIGHT = 3e-4

CLIPS = 10240  # training clips, encoded once
TEXT_ROWS = 512  # rows of text the pipeline feeds the transformer
TEXT_ENCODER_CONFIG = dict(d_model=128, d_kv=32, d_ff=256, num_layers=2, num_heads=4)
TRANSFORMER_CONFIG = dict(num_attention_heads=4, attention_head_dim=48, ffn_dim=512, num_layers=5, freq_dim=128)
STEPS, BATCH, LEARNING_RATE = 14000, 32, 1e-3
MATRIX_LEARNING_RATE = 5e-3  # 1e-3 and 2.5e-3 learn more slowly
TEXT_STEPS = 1200
TEXT_LEARNING_RATE = 2e-3
PROMPT_DROPOUT = 0.1
TRAINING_SHIFT = 3.0
FLOW_SHIFT = 3.0  # what the scheduler's config says
# Defaults of requests for chitu; diffusers ignores the file.
GENERATION_CONFIG = dict(width=clips.SIZE, height=clips.SIZE, num_frames=clips.FRAMES, num_inference_steps=20,
                         guidance_scale=4.0, fps=8)

# Only the tokenizer sees these: they give unusual words pieces to split into.
GENERAL_ENGLISH = """
a an the and or of to in on at by for from with without over under through across behind beside between around near far
into onto is are was were be has have this that these those it its he she they we you i his her their our your my not no
cat dog bird fish horse cow sheep lion tiger bear rabbit mouse fox wolf elephant monkey robot dragon unicorn dinosaur
woman man child girl boy baby person people king queen astronaut dancer painter sailor teacher farmer singer
walks runs jumps flies swims sings sleeps looks smiles turns rises falls spins rolls bounces grows shrinks shines burns
walking running jumping flying swimming singing sleeping looking smiling turning rising falling spinning rolling
slowly quickly fast slow gently suddenly always never very quite almost little big small large tiny huge tall short
grass sand snow water river sea ocean lake beach city street road bridge house forest mountain desert garden park field
night day morning evening sunset sunrise rain storm cloud sky sun moon star planet space fire wind light shadow
red blue green yellow purple orange white black pink brown gray grey golden silver cyan magenta neon dark bright colour
color soft sharp wide close shot camera pans zooms style realistic cartoon oil painting film cinematic detailed high
low quality worst blurred static subtitles ugly deformed extra fingers messy background foreground photo picture video
clip animation sign says hello world coffee shop table chair window door car train boat plane bicycle ball box cup
circle square triangle star ring cross rectangle line dot heart diamond arrow hexagon oval cube sphere shape object
one two three four five six seven eight nine ten first second third last next new old young happy sad beautiful
""".strip()


class Log:
    """Prints, and appends to --work/log.txt."""

    def __init__(self, work):
        self.path = os.path.join(work, "log.txt")
        self.start = time.time()

    def __call__(self, text):
        line = f"[{time.time() - self.start:7.1f} s] {text}"
        print(line, flush=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(line + "\n")


class Average:
    """Exponential moving average of parameters; short at first so that it forgets the initial weights."""

    def __init__(self, parameters, decay):
        self.decay, self.steps = decay, 0
        self.shadow = [p.detach().clone() for p in parameters]

    @torch.no_grad()
    def update(self, parameters):
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.shadow, [p.detach() for p in parameters], 1 - keep)

    @torch.no_grad()
    def copy_to(self, parameters):
        for p, s in zip(parameters, self.shadow):
            p.copy_(s)


def cosine(step, steps, warmup):
    """Share of the peak learning rate: linear warm-up, then half a cosine down to 2 %."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def plateau(step, steps, warmup):
    """Share of the peak learning rate: warm-up, then constant, then down to 2 % over the last quarter.

    Up to that quarter a run does not depend on `steps`, so a checkpoint can be continued for longer or shorter.
    """
    return min(1.0, (step + 1) / warmup, 0.02 + 0.98 * (steps - step) / (0.25 * steps))


def save_checkpoint(path, **state):
    torch.save(state, path + ".new")
    os.replace(path + ".new", path)


def to_pixels(frames):
    """uint8 [B, T, H, W, 3] as float [B, 3, T, H, W] in -1..1."""
    return torch.from_numpy(frames).permute(0, 4, 1, 2, 3).float() / 127.5 - 1


# ------------------------------------------------------------------------------------------------------------ VAE
@torch.no_grad()
def make_vae():
    """A VAE whose initial weights keep the signal alive: the default ones are too small to pass a picture through."""
    from diffusers import AutoencoderKLWan

    vae = AutoencoderKLWan(latents_mean=[0.0] * Z_DIM, latents_std=[1.0] * Z_DIM, **VAE_CONFIG)
    for name, module in vae.named_modules():
        if not isinstance(module, (torch.nn.Conv2d, torch.nn.Conv3d)):
            continue
        torch.nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
        module.bias.zero_()
        if name.endswith("conv2"):  # last of a residual branch
            module.weight.mul_(0.3)
        if name.endswith("time_conv"):  # pass the newest frame on
            module.weight.zero_()
            for row in range(module.weight.shape[0]):
                module.weight[row, row % module.weight.shape[1], 2] = 1
        elif module.weight.ndim == 5 and module.weight.shape[2] == 3:  # look at the present more than at the past
            module.weight[:, :, 2] *= 3**0.5
            module.weight[:, :, :2] *= 0.1
    vae.quant_conv.bias[Z_DIM:] = -5  # start with little noise in the latents
    vae.quant_conv.weight[Z_DIM:] *= 0.1
    return vae


def vae_batch(seed, step, count, crop, frames):
    """Clips for one step of the VAE; a quarter of them in colours outside the palette, crops mostly touching the shape."""
    rng = np.random.default_rng([seed, 1, step])
    batch = []
    for _ in range(count):
        combination = clips.TRAINING_COMBINATIONS[rng.integers(len(clips.TRAINING_COMBINATIONS))]
        clip = clips.place(combination, rng, palette=rng.random() < 0.75)
        pixels = clips.render(clip)[:frames]
        near = np.array([clip.y, clip.x]) + rng.uniform(-20, 20, 2) - crop / 2
        top, left = np.clip(near, 0, clips.SIZE - crop).astype(int)
        batch.append(pixels[:, top:top + crop, left:left + crop])
    return to_pixels(np.stack(batch)).contiguous(memory_format=torch.channels_last_3d)


def vae_schedule(step):
    """(clips, crop, frames) of a step, and the phase's name."""
    for name, (steps, count, crop, frames) in VAE_PHASES.items():
        if step < steps:
            break
        step -= steps
    if name == "pictures" and step % 4 == 3:
        count, crop = count // 4, clips.SIZE
    return (count, crop, frames), name


def train_vae(args, log):
    path = os.path.join(args.work, "vae.pt")
    torch.manual_seed(args.seed)
    vae = make_vae()
    if os.path.exists(path):
        vae.load_state_dict(torch.load(path))
        return vae.eval()
    error = demo_vae.verify(vae, vae_batch(args.seed, 0, 1, clips.SIZE, clips.FRAMES))
    log(f"vae: {sum(p.numel() for p in vae.parameters())} parameters; one pass against diffusers' chunks: {error:.1e}")
    assert error < 1e-4
    parameters = list(vae.parameters())
    optimizer = torch.optim.AdamW(parameters, VAE_LEARNING_RATE, betas=(0.9, 0.99), weight_decay=1e-4)
    average = Average(parameters, 0.995)
    steps, first = sum(phase[0] for phase in VAE_PHASES.values()), 0
    checkpoint = os.path.join(args.work, "vae_checkpoint.pt")
    if os.path.exists(checkpoint):
        state = torch.load(checkpoint)
        vae.load_state_dict(state["model"]), optimizer.load_state_dict(state["optimizer"])
        average.shadow, average.steps, first = state["average"], state["step"], state["step"]
        log(f"vae: resumed at step {first}")
    sums, since = np.zeros(3), time.time()
    for step in range(first, steps):
        sizes, phase = vae_schedule(step)
        pixels = vae_batch(args.seed, step, *sizes)
        generator = torch.Generator().manual_seed(args.seed * 1_000_003 + step)
        with demo_vae.fast_layers():
            mean, log_var = demo_vae.encode(vae, pixels).chunk(2, dim=1)
            log_var = log_var.clamp(-20, 10)
            latents = mean + torch.exp(0.5 * log_var) * torch.randn(mean.shape, generator=generator)
            difference = demo_vae.decode(vae, latents) - pixels
        l1, l2 = difference.abs().mean(), difference.square().mean()
        kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).mean()
        (l1 + l2 + KL_WEIGHT * kl).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = VAE_LEARNING_RATE * cosine(step, steps, 100)
        optimizer.step()
        optimizer.zero_grad()
        average.update(parameters)
        sums += (l1.item(), l2.item(), kl.item())
        if (step + 1) % 50 == 0:
            l1_mean, l2_mean, kl_mean = sums / 50
            log(f"vae {phase} step {step + 1}/{steps}  L1 {l1_mean:.4f}  PSNR {10 * math.log10(4 / l2_mean):.1f} dB  "
                f"KL {kl_mean:.2f}  {(time.time() - since) / 50:.3f} s/step")
            sums, since = np.zeros(3), time.time()
        if (step + 1) % 250 == 0:
            save_checkpoint(checkpoint, model=vae.state_dict(), optimizer=optimizer.state_dict(),
                            average=average.shadow, step=step + 1)
    average.copy_to(parameters)
    torch.save(vae.state_dict(), path + ".new")
    os.replace(path + ".new", path)
    return vae.eval()


# ------------------------------------------------------------------------------------------------------ tokenizer
def tokenizer_corpus(seed):
    """Prompts, and general English so that words outside the little world still split into sensible pieces."""
    rng = np.random.default_rng([seed, 2])
    combinations = clips.all_combinations()
    lines = [clips.describe(combinations[rng.integers(len(combinations))], rng) for _ in range(3000)]
    words = GENERAL_ENGLISH.split()
    lines += [" ".join(rng.choice(words, 12)) for _ in range(1500)]
    lines += [" ".join(rng.choice(words, 8)).capitalize() + "." for _ in range(300)]
    ascii_characters = "".join(map(chr, range(33, 127)))
    lines += [ascii_characters, " ".join(ascii_characters)] * 20
    return lines


def make_tokenizer(folder, seed):
    """The files of a umT5 tokenizer: ids 0 <pad>, 1 </s>, 2 <s>, 3 <unk>, then bytes, then pieces, then extra ids."""
    import io

    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    os.makedirs(folder, exist_ok=True)
    buffer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(tokenizer_corpus(seed)), model_writer=buffer, model_type="unigram", vocab_size=960,
        hard_vocab_limit=False, pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", byte_fallback=True,
        character_coverage=1.0, normalization_rule_name="nmt_nfkc", num_threads=1, minloglevel=2)
    with open(os.path.join(folder, "spiece.model"), "wb") as file:
        file.write(buffer.getvalue())
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(buffer.getvalue())
    extra = [f"<extra_id_{i}>" for i in range(10)]
    special = ["<pad>", "</s>", "<s>", "<unk>"] + extra
    # Unknown characters become <unk>, never bytes: byte_fallback is off here as in umT5's own tokenizer.json.
    tokenizer = Tokenizer(models.Unigram([(p.piece, p.score) for p in model.pieces] +
                                         [(name, 0.0) for name in reversed(extra)], unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap), normalizers.Replace(Regex(" {2,}"), " ")])
    metaspace = dict(replacement="▁", prepend_scheme="always", split=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(**metaspace)
    tokenizer.decoder = decoders.Metaspace(**metaspace)
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    tokenizer.save(os.path.join(folder, "tokenizer.json"))

    def token(name, **more):
        return dict(content=name, lstrip=False, normalized=False, rstrip=False, single_word=False, **more)

    write_json(os.path.join(folder, "tokenizer_config.json"), {
        "added_tokens_decoder": {str(tokenizer.token_to_id(name)): token(name, special=True) for name in special},
        "additional_special_tokens": extra, "bos_token": "<s>", "clean_up_tokenization_spaces": True,
        "eos_token": "</s>", "extra_ids": len(extra), "extra_special_tokens": {},
        "model_max_length": 1000000000000000019884624838656, "pad_token": "<pad>", "sp_model_kwargs": {},
        "spaces_between_special_tokens": False, "tokenizer_class": "T5Tokenizer", "unk_token": "<unk>"})
    write_json(os.path.join(folder, "special_tokens_map.json"), {
        "additional_special_tokens": extra, "bos_token": token("<s>"), "eos_token": token("</s>"),
        "pad_token": token("<pad>"), "unk_token": token("<unk>")})


def load_tokenizer(args):
    from tokenizers import Tokenizer

    folder = os.path.join(args.work, "tokenizer")
    if not os.path.exists(os.path.join(folder, "special_tokens_map.json")):
        make_tokenizer(folder, args.seed)
    return Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))


def write_json(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=2)
        file.write("\n")


# -------------------------------------------------------------------------------------------------------- latents
@torch.no_grad()
def encode_training_clips(args, vae, log):
    """Latents of the training clips, normalised to unit variance, and the mean and deviation that did it."""
    path = os.path.join(args.work, "latents.pt")
    if os.path.exists(path):
        return torch.load(path)
    chunks, start = [], time.time()
    for first in range(0, args.clips, 32):
        frames = np.stack([clips.render(clips.training_clip(args.seed, i)) for i in range(first, first + 32)])
        pixels = to_pixels(frames).contiguous(memory_format=torch.channels_last_3d)
        with demo_vae.fast_layers():
            chunks.append(demo_vae.encode(vae, pixels)[:, :Z_DIM].contiguous())
    latents = torch.cat(chunks)
    mean, std = latents.mean((0, 2, 3, 4)), latents.std((0, 2, 3, 4))
    # The config holds these numbers in decimal; rounding them first makes training and inference agree exactly.
    mean, std = [torch.tensor([round(v, 4) for v in values.tolist()]) for values in (mean, std)]
    latents = (latents - mean.view(1, -1, 1, 1, 1)) / std.view(1, -1, 1, 1, 1)
    log(f"latents: {len(latents)} clips in {time.time() - start:.0f} s, mean {mean.tolist()}, std {std.tolist()}")
    save_checkpoint(path, latents=latents.half(), mean=mean, std=std)
    return torch.load(path)


# ---------------------------------------------------------------------------------------------------- transformer
class TrainingAttention:
    """The attention of the Wan transformer, made cheap for training on a CPU; `verify_attention` compares the two.

    Cross attention: the pipeline pads the text to 512 rows of zeros and masks none. All padded rows have one key and
    one value, so one of them with log(how many it stands for) added to its logit gives the same result. `stand_ins` is
    that number for the last row; the rows before it are counted once each.

    Under bfloat16 autocast the matrix products are several times faster than in float32, but the backward pass of
    attention is several times slower; so this part stays in float32.
    """

    def __init__(self):
        self.stand_ins = 1

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, rotary_emb=None):
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context)
        with torch.autocast("cpu", enabled=False):
            query, key = (norm(x.float()).unflatten(2, (attn.heads, -1))
                          for norm, x in ((attn.norm_q, query), (attn.norm_k, key)))
            value = value.float().unflatten(2, (attn.heads, -1))
            bias = None
            if encoder_hidden_states is None:
                rotation = torch.complex(rotary_emb[0][..., 0::2].float(), rotary_emb[1][..., 1::2].float())
                query, key = (torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (-1, 2))) * rotation).flatten(3)
                              for x in (query, key))
            else:
                bias = torch.zeros(1, 1, 1, key.shape[1])
                bias[..., -1] = math.log(self.stand_ins)
            out = torch.nn.functional.scaled_dot_product_attention(
                query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), attn_mask=bias)
            out = out.transpose(1, 2).flatten(2, 3)
        return attn.to_out[0](out)


def make_text_encoder(vocabulary):
    from transformers import UMT5Config, UMT5EncoderModel

    config = UMT5Config(vocab_size=vocabulary, feed_forward_proj="gated-gelu", relative_attention_num_buckets=32,
                        relative_attention_max_distance=128, layer_norm_epsilon=1e-6, dropout_rate=0.0,
                        **TEXT_ENCODER_CONFIG)
    return UMT5EncoderModel(config)


@torch.no_grad()
def make_transformer():
    from diffusers import WanTransformer3DModel

    model = WanTransformer3DModel(patch_size=(1, 2, 2), in_channels=Z_DIM, out_channels=Z_DIM,
                                  text_dim=TEXT_ENCODER_CONFIG["d_model"], cross_attn_norm=True,
                                  qk_norm="rms_norm_across_heads", eps=1e-6, rope_max_seq_len=1024,
                                  **TRANSFORMER_CONFIG)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.xavier_uniform_(module.weight)
            module.bias.zero_()
    torch.nn.init.normal_(model.condition_embedder.time_embedder.linear_1.weight, std=0.02)
    torch.nn.init.normal_(model.condition_embedder.time_embedder.linear_2.weight, std=0.02)
    for block in model.blocks:
        block.scale_shift_table.normal_(std=0.02)
        block.scale_shift_table[:, (2, 5)] += 0.3  # gates of self attention and feed-forward: open enough to learn
        # About 500 of 512 text rows are padding. Their key is made to point away from every query, so that at the
        # start the words get most of the attention instead of one five-hundredth each.
        direction = torch.randn(block.attn2.to_q.bias.shape).sign()
        block.attn2.to_q.bias.copy_(1.5 * direction)
        block.attn2.to_k.bias.copy_(-0.1 * direction)
    model.proj_out.weight.zero_()
    return model


def embed_prompts(text_encoder, token_ids):
    """Prompt embeddings [B, L + 1, D]: zero behind each prompt's end, and the last row always zero (see above)."""
    length = max(map(len, token_ids))
    ids = torch.zeros(len(token_ids), length, dtype=torch.long)
    for row, tokens in zip(ids, token_ids):
        row[:len(tokens)] = torch.tensor(tokens)
    mask = (ids != 0).long()
    embeddings = text_encoder(ids, mask).last_hidden_state * mask[..., None]
    return torch.nn.functional.pad(embeddings, (0, 0, 0, 1))


def set_stand_ins(transformer, rows):
    for block in transformer.blocks:
        block.attn2.processor.stand_ins = TEXT_ROWS - rows + 1


def use_training_attention(transformer):
    for block in transformer.blocks:
        block.attn1.set_processor(TrainingAttention())
        block.attn2.set_processor(TrainingAttention())


@torch.no_grad()
def verify_attention(text_encoder, transformer, tokenizer):
    """Largest relative difference between the cheap attention and the pipeline's own over 512 rows of text."""
    from diffusers.models.transformers.transformer_wan import WanAttnProcessor

    texts = ["a red circle moving right on a white background", ""]
    embeddings = embed_prompts(text_encoder, [tokenizer.encode(t).ids for t in texts])
    latents, timestep = torch.randn(2, Z_DIM, 3, 8, 8), torch.tensor([900.0, 300.0])
    head = transformer.proj_out.weight
    head_before = head.clone()
    head.normal_(std=0.05)  # it starts at zero, which would hide any difference
    use_training_attention(transformer)
    set_stand_ins(transformer, embeddings.shape[1])
    cheap = transformer(latents, timestep, embeddings, return_dict=False)[0]
    for block in transformer.blocks:
        block.attn1.set_processor(WanAttnProcessor())
        block.attn2.set_processor(WanAttnProcessor())
    full = torch.nn.functional.pad(embeddings, (0, 0, 0, TEXT_ROWS - embeddings.shape[1]))
    full = transformer(latents, timestep, full, return_dict=False)[0]
    use_training_attention(transformer)
    head.copy_(head_before)
    return (cheap - full).abs().max().item() / full.abs().max().item()


def transformer_batch(args, step, latents, tokenizer):
    """Noisy latents, their timesteps and prompts, and the velocity to predict, for one step."""
    rng = np.random.default_rng([args.seed, 3, step])
    generator = torch.Generator().manual_seed(args.seed * 1_000_003 + 500_000_000 + step)
    indices = rng.integers(0, len(latents), args.batch)
    token_ids = []
    for index in indices:
        combination = combination_of(args.seed, int(index))
        text = "" if rng.random() < PROMPT_DROPOUT else clips.describe(combination, rng)
        token_ids.append(tokenizer.encode(text).ids)
    clean = latents[torch.from_numpy(indices)].float()
    noise = torch.randn(clean.shape, generator=generator)
    # One stratified draw of u per row, then the flow shift: most steps of a sampler lie where sigma is large.
    u = (torch.arange(args.batch) + torch.rand(args.batch, generator=generator)) / args.batch
    sigma = TRAINING_SHIFT * u / (1 + (TRAINING_SHIFT - 1) * u)
    s = sigma.view(-1, 1, 1, 1, 1)
    return (1 - s) * clean + s * noise, 1000 * sigma, token_ids, noise - clean


_COMBINATIONS = {}


def combination_of(seed, index):
    if index not in _COMBINATIONS:
        _COMBINATIONS[index] = clips.training_clip(seed, index).combination
    return _COMBINATIONS[index]


def train_text_encoder(args, tokenizer, log):
    """A text encoder whose every output row tells all four attributes of its prompt.

    Which of two colour words is the background is slow to learn through the denoising loss and quick to learn as a
    classification; afterwards the transformer may attend to any token and find what it needs.
    """
    path = os.path.join(args.work, "text_encoder.pt")
    torch.manual_seed(args.seed + 2)
    text_encoder = make_text_encoder((tokenizer.get_vocab_size() + 7) // 8 * 8)
    if os.path.exists(path):
        text_encoder.load_state_dict(torch.load(path))
        return text_encoder.eval().requires_grad_(False)
    log(f"text encoder: {sum(p.numel() for p in text_encoder.parameters())} parameters")
    with torch.no_grad():  # one head looks one word back and one a word ahead: "white background" is two words
        for block in text_encoder.encoder.block:
            table = block.layer[0].SelfAttention.relative_attention_bias.weight
            table[1, 0] += 6
            table[table.shape[0] // 2 + 1, 1] += 6
    names = [list(clips.COLOURS), list(clips.COLOURS), list(clips.SHAPES), list(clips.MOTIONS)]
    sizes = [len(options) for options in names]
    head = torch.nn.Linear(TEXT_ENCODER_CONFIG["d_model"], sum(sizes))
    parameters = list(text_encoder.parameters()) + list(head.parameters())
    optimizer = torch.optim.AdamW(parameters, TEXT_LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    held_out, total, since = clips.held_out_combinations(), 0.0, time.time()

    def loss_and_accuracy(rng, combinations, count):
        chosen = [combinations[i] for i in rng.integers(0, len(combinations), count)]
        token_ids = [tokenizer.encode(clips.describe(c, rng)).ids for c in chosen]
        scores = head(embed_prompts(text_encoder, token_ids)[:, :-1]).split(sizes, dim=-1)
        mask = torch.tensor([[i < len(ids) for i in range(scores[0].shape[1])] for ids in token_ids])
        loss, right = 0.0, torch.ones(int(mask.sum()), dtype=torch.bool)
        for attribute, (options, score) in enumerate(zip(names, scores)):
            target = torch.tensor([options.index(c[attribute]) for c in chosen])[:, None].expand(mask.shape)[mask]
            loss = loss + torch.nn.functional.cross_entropy(score[mask], target)
            right &= score[mask].argmax(-1) == target
        return loss, right.float().mean().item()

    for step in range(TEXT_STEPS):
        rng = np.random.default_rng([args.seed, 4, step])
        loss, _ = loss_and_accuracy(rng, clips.TRAINING_COMBINATIONS, 48)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = TEXT_LEARNING_RATE * cosine(step, TEXT_STEPS, 20)
        optimizer.step()
        optimizer.zero_grad()
        total += loss.item()
        if (step + 1) % 100 == 0:
            with torch.no_grad():
                accuracy = loss_and_accuracy(np.random.default_rng([args.seed, 5, step]), held_out, 64)[1]
            log(f"text step {step + 1}/{TEXT_STEPS}  loss {total / 100:.4f}  all four right on held-out prompts "
                f"{accuracy:.1%} of tokens  {(time.time() - since) / 100:.3f} s/step")
            total, since = 0.0, time.time()
    torch.save(text_encoder.state_dict(), path + ".new")
    os.replace(path + ".new", path)
    return text_encoder.eval().requires_grad_(False)


def make_optimizers(transformer):
    """[(optimizer, peak learning rate)]: Muon (Jordan et al. 2024) for the matrices of the blocks, AdamW for the rest."""
    matrices = [p for name, p in transformer.named_parameters()
                if name.startswith("blocks.") and name.endswith("weight") and p.ndim == 2]
    chosen = set(map(id, matrices))
    others = [p for p in transformer.parameters() if id(p) not in chosen]
    return [(torch.optim.Muon(matrices, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"), MATRIX_LEARNING_RATE),
            (torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0, fused=True), LEARNING_RATE)]


def train_transformer(args, latents, tokenizer, text_encoder, log):
    path = os.path.join(args.work, "transformer.pt")
    torch.manual_seed(args.seed + 1)
    transformer = make_transformer()
    if os.path.exists(path):
        transformer.load_state_dict(torch.load(path))
        return transformer.eval()
    error = verify_attention(text_encoder, transformer, tokenizer)
    log(f"transformer: {sum(p.numel() for p in transformer.parameters())} parameters; cheap attention against 512 rows: "
        f"{error:.1e}")
    assert error < 1e-4
    parameters = list(transformer.parameters())
    optimizers = make_optimizers(transformer)
    # Keeps the residual stream in float32 under autocast.
    transformer.patch_embedding.register_forward_hook(lambda module, inputs, output: output.float())
    average = Average(parameters, 0.999)
    checkpoint, first = os.path.join(args.work, "transformer_checkpoint.pt"), 0
    if os.path.exists(checkpoint):
        state = torch.load(checkpoint)
        transformer.load_state_dict(state["model"])
        for (optimizer, _), saved in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        average.shadow, average.steps, first = state["average"], state["step"], state["step"]
        log(f"transformer: resumed at step {first}")
    total, buckets, counts, since = 0.0, np.zeros(4), np.zeros(4), time.time()
    for step in range(first, args.steps):
        noisy, timestep, token_ids, velocity = transformer_batch(args, step, latents, tokenizer)
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            embeddings = embed_prompts(text_encoder, token_ids)
            set_stand_ins(transformer, embeddings.shape[1])
            predicted = transformer(noisy, timestep, embeddings, return_dict=False)[0]
        errors = (predicted.float() - velocity).square().mean((1, 2, 3, 4))
        loss = errors.mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer, learning_rate in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * plateau(step, args.steps, 200)
            optimizer.step()
            optimizer.zero_grad()
        average.update(parameters)
        total += loss.item()
        quarter = (timestep / 250).long().clamp(max=3).numpy()
        np.add.at(buckets, quarter, errors.detach().numpy()), np.add.at(counts, quarter, 1)
        if (step + 1) % 100 == 0:
            by_sigma = " ".join(f"{v:.3f}" for v in buckets / np.maximum(counts, 1))
            log(f"transformer step {step + 1}/{args.steps}  loss {total / 100:.4f}  by quarter of sigma {by_sigma}  "
                f"{(time.time() - since) / 100:.3f} s/step")
            total, buckets, counts, since = 0.0, np.zeros(4), np.zeros(4), time.time()
        if (step + 1) % 250 == 0 or step + 1 == args.steps:
            save_checkpoint(checkpoint, model=transformer.state_dict(),
                            optimizers=[optimizer.state_dict() for optimizer, _ in optimizers],
                            average=average.shadow, step=step + 1)
    average.copy_to(parameters)
    torch.save(transformer.state_dict(), path + ".new")
    os.replace(path + ".new", path)
    return transformer.eval()


# --------------------------------------------------------------------------------------------------------- export
# The keys of the files on the hub, so that what reads those reads these.
TRANSFORMER_KEYS = ("added_kv_proj_dim attention_head_dim cross_attn_norm eps ffn_dim freq_dim image_dim in_channels "
                    "num_attention_heads num_layers out_channels patch_size qk_norm rope_max_seq_len text_dim").split()
VAE_KEYS = ("attn_scales base_dim dim_mult dropout latents_mean latents_std num_res_blocks temperal_downsample "
            "z_dim").split()
DIFFUSERS_VERSION = "0.33.0.dev0"


def save_weights(model, path, skip=()):
    from safetensors.torch import save_file

    os.makedirs(os.path.dirname(path), exist_ok=True)
    tensors = {name: tensor.detach().to(torch.bfloat16).contiguous() for name, tensor in model.state_dict().items()
               if name not in skip}
    save_file(tensors, path, metadata={"format": "pt"})


def export(args, text_encoder, transformer, vae, encoded, log):
    """Writes --out as a Wan2.1-T2V diffusers folder, weights in bfloat16."""
    import shutil

    out = args.out
    save_weights(transformer, f"{out}/transformer/diffusion_pytorch_model.safetensors")
    config = {key: transformer.config[key] for key in TRANSFORMER_KEYS}
    write_json(f"{out}/transformer/config.json", dict(sorted(dict(
        config, _class_name="WanTransformer3DModel", _diffusers_version=DIFFUSERS_VERSION).items())))

    save_weights(vae, f"{out}/vae/diffusion_pytorch_model.safetensors")
    config = {key: vae.config[key] for key in VAE_KEYS}
    for key, values in (("latents_mean", encoded["mean"]), ("latents_std", encoded["std"])):
        config[key] = [round(v, 4) for v in values.tolist()]
    write_json(f"{out}/vae/config.json", dict(sorted(dict(
        config, _class_name="AutoencoderKLWan", _diffusers_version=DIFFUSERS_VERSION).items())))

    # As on the hub, the embedding is stored once, as shared.weight.
    save_weights(text_encoder, f"{out}/text_encoder/model.safetensors", skip=("encoder.embed_tokens.weight",))
    config = {key: value for key, value in text_encoder.config.to_dict().items()
              if key in ("d_ff d_kv d_model decoder_start_token_id dense_act_fn dropout_rate eos_token_id "
                         "feed_forward_proj initializer_factor is_encoder_decoder is_gated_act layer_norm_epsilon "
                         "model_type num_decoder_layers num_heads num_layers pad_token_id "
                         "relative_attention_max_distance relative_attention_num_buckets use_cache vocab_size").split()}
    write_json(f"{out}/text_encoder/config.json", dict(sorted(dict(
        config, architectures=["UMT5EncoderModel"], classifier_dropout=0.0, output_past=True, scalable_attention=True,
        tie_word_embeddings=False, tokenizer_class="T5Tokenizer", torch_dtype="bfloat16",
        transformers_version="4.48.0.dev0").items())))

    shutil.copytree(os.path.join(args.work, "tokenizer"), f"{out}/tokenizer", dirs_exist_ok=True)
    write_json(f"{out}/scheduler/scheduler_config.json", {
        "_class_name": "UniPCMultistepScheduler", "_diffusers_version": DIFFUSERS_VERSION, "beta_end": 0.02,
        "beta_schedule": "linear", "beta_start": 0.0001, "disable_corrector": [], "dynamic_thresholding_ratio": 0.995,
        "final_sigmas_type": "zero", "flow_shift": FLOW_SHIFT, "lower_order_final": True,
        "num_train_timesteps": 1000, "predict_x0": True, "prediction_type": "flow_prediction",
        "rescale_betas_zero_snr": False, "sample_max_value": 1.0, "solver_order": 2, "solver_p": None,
        "solver_type": "bh2", "steps_offset": 0, "thresholding": False, "timestep_spacing": "linspace",
        "trained_betas": None, "use_beta_sigmas": False, "use_exponential_sigmas": False, "use_flow_sigmas": True,
        "use_karras_sigmas": False})
    write_json(f"{out}/model_index.json", {
        "_class_name": "WanPipeline", "_diffusers_version": DIFFUSERS_VERSION,
        "scheduler": ["diffusers", "UniPCMultistepScheduler"], "text_encoder": ["transformers", "UMT5EncoderModel"],
        "tokenizer": ["transformers", "T5TokenizerFast"], "transformer": ["diffusers", "WanTransformer3DModel"],
        "vae": ["diffusers", "AutoencoderKLWan"]})
    write_json(f"{out}/generation_config.json", GENERATION_CONFIG)
    size = sum(os.path.getsize(os.path.join(folder, file)) for folder, _, files in os.walk(out) for file in files)
    log(f"export: {out}, {size / 1e6:.2f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", default="build/train_demo", help="where checkpoints and the log go")
    parser.add_argument("--out", default="assets/demo-t2v", help="the folder to write")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clips", type=int, default=CLIPS, help="training clips; a multiple of 32")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True,
                        help="matrix products of the transformer in bfloat16: twice as fast where the CPU has it")
    args = parser.parse_args()
    os.makedirs(args.work, exist_ok=True)
    torch.set_num_threads(args.threads)
    log = Log(args.work)
    vae = train_vae(args, log)
    encoded = encode_training_clips(args, vae, log)
    tokenizer = load_tokenizer(args)
    text_encoder = train_text_encoder(args, tokenizer, log)
    transformer = train_transformer(args, encoded["latents"], tokenizer, text_encoder, log)
    export(args, text_encoder, transformer, vae, encoded, log)


if __name__ == "__main__":
    main()
