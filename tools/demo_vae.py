"""The Wan VAE over a whole clip at once, for training.

diffusers runs AutoencoderKLWan frame by frame (one latent frame at a time) with a cache in every convolution. Over a
clip that fits into memory the same numbers come out of one causal pass, which is several times faster: every cache is
just the zero-padded past of the convolution's input, except at the two places spelled out in `_down` and `_up`.
`verify` holds the two against each other; the trainer calls it before it starts.

`fast_layers` replaces two slow layers while training: the causal convolution of a single frame, where two of the
three temporal taps only ever see padding, and the RMS norm, whose vector norm over channels is slow on a CPU.
"""

import contextlib

import torch
import torch.nn.functional as F


@contextlib.contextmanager
def fast_layers():
    from diffusers.models.autoencoders.autoencoder_kl_wan import WanCausalConv3d, WanRMS_norm

    slow_convolution, slow_norm = WanCausalConv3d.forward, WanRMS_norm.forward

    def convolution(layer, x, cache_x=None):
        if x.shape[2] > 1 or layer.stride != (1, 1, 1) or cache_x is not None:
            return slow_convolution(layer, x, cache_x)
        return F.conv2d(x[:, :, 0], layer.weight[:, :, -1], layer.bias, padding=layer._padding[0])[:, :, None]

    def norm(layer, x):
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-12) * layer.gamma

    WanCausalConv3d.forward, WanRMS_norm.forward = convolution, norm
    try:
        yield
    finally:
        WanCausalConv3d.forward, WanRMS_norm.forward = slow_convolution, slow_norm


def _per_frame(layers, x):
    b, c, t, h, w = x.shape
    x = layers(x.permute(0, 2, 1, 3, 4).reshape(b * t, c, h, w))
    return x.view(b, t, *x.shape[1:]).permute(0, 2, 1, 3, 4)


def _down(layer, x):
    x = _per_frame(layer.resample, x)
    if layer.mode == "downsample3d" and x.shape[2] > 1:
        # The first frame passes untouched; later ones are halved in pairs, each pair seeing the frame before it.
        x = torch.cat([x[:, :, :1], layer.time_conv(x)], dim=2)
    return x


def _up(layer, x):
    if layer.mode == "upsample3d" and x.shape[2] > 1:
        # The first latent frame gives one frame and is not seen by the temporal convolution of the later ones.
        first, later = x[:, :, :1], x[:, :, 1:]
        b, c, t, h, w = later.shape
        later = layer.time_conv(later).view(b, 2, c, t, h, w)
        later = later.permute(0, 2, 3, 1, 4, 5).reshape(b, c, 2 * t, h, w)
        x = torch.cat([first, later], dim=2)
    return _per_frame(layer.resample, x)


def encode(vae, pixels):
    """Moments [B, 2 * z_dim, T, H / 8, W / 8] of pixels [B, 3, 4 (T - 1) + 1, H, W] in -1..1."""
    encoder = vae.encoder
    x = encoder.conv_in(pixels)
    for layer in encoder.down_blocks:
        x = _down(layer, x) if hasattr(layer, "resample") else layer(x)
    x = encoder.mid_block(x)
    x = encoder.conv_out(encoder.nonlinearity(encoder.norm_out(x)))
    return vae.quant_conv(x)


def decode(vae, latents):
    """Pixels, not clamped, of (unnormalised) latents."""
    decoder = vae.decoder
    x = decoder.mid_block(decoder.conv_in(vae.post_quant_conv(latents)))
    for block in decoder.up_blocks:
        for resnet in block.resnets:
            x = resnet(x)
        if block.upsamplers is not None:
            x = _up(block.upsamplers[0], x)
    return decoder.conv_out(decoder.nonlinearity(decoder.norm_out(x)))


@torch.no_grad()
def verify(vae, pixels):
    """Largest difference from diffusers' own encode and decode, for the clip and for its first frame alone."""
    errors = []
    for frames in (pixels, pixels[:, :, :1]):
        moments = vae.encode(frames).latent_dist.parameters
        latents = moments.chunk(2, dim=1)[0]
        decoded = vae.decode(latents).sample
        with fast_layers():
            errors.append((moments - encode(vae, frames)).abs().max().item())
            errors.append((decoded - decode(vae, latents).clamp(-1, 1)).abs().max().item())
    return max(errors)
