#pragma once

#include "chitu_core/io/json.h"
#include "pipelines/weights/naming.h"

namespace chitu::pipelines::wan {

/// Names of the transformer's weights in files of the original repository, ComfyUI and GGUF.
WeightNaming transformer_naming();

/// Of the autoencoder: the original repositories of Wan 2.1 and 2.2, which ComfyUI follows.
///
/// config  vae/config.json
/// source  the converter of diffusers, scripts/convert_wan_to_diffusers.py
WeightNaming vae_naming(const io::JsonObject& config);

/// Of the text encoder: the original repository, ComfyUI (the names of transformers) and GGUF
/// (those of llama.cpp).
WeightNaming umt5_naming();

}  // namespace chitu::pipelines::wan
