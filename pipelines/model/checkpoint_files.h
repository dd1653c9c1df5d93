#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "pipelines/model/model_folder.h"

namespace chitu::pipelines {

/// What a checkpoint is opened for: a plan does without weights and tokenizer.
enum class CheckpointUse { run, plan };

/// The files that a checkpoint lacks, below its folder: "vae/config.json",
/// "transformer/diffusion_pytorch_model*.safetensors", or the shards that its index lists. A link
/// without its target counts as missing.
std::vector<std::string> missing_files(const ModelFolder& folder, CheckpointUse use);

/// The same for a folder without model_index.json, or none at all: of the published checkpoint that
/// the name of the folder suggests.
std::vector<std::string> missing_files(const std::filesystem::path& folder);

/// Whether the user may list a folder and read in it; false if there is none.
bool may_be_read(const std::filesystem::path& folder);

/// The model folders that ship with chitu contain configs only.
///
/// throws  InputError if no component of the folder has weights
void refuse_without_weights(const ModelFolder& folder);

/// "; missing: a, b; to download the checkpoint: hf download REPOSITORY --local-dir DIR"; empty
/// when nothing is missing. DIR is `path`, unless that is a file, or holds no weights: then it is a
/// new folder, as architectures that come with chitu are not for downloads.
std::string download_advice(const std::filesystem::path& path,
                            const std::vector<std::string>& missing);

}  // namespace chitu::pipelines
