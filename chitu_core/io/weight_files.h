#pragma once

#include <filesystem>
#include <string_view>

namespace chitu::io {

/// Where the weights of a component folder begin.
struct WeightFile {
  std::filesystem::path path;
  bool is_index = false;  ///< lists shards, and which tensors each holds
};

/// Finds the weights of a component folder by the names that diffusers and transformers give them.
/// Without a `variant` the plain names count. Where there are none, the only variant is taken, of
/// several that differ in precision alone the widest; the log says which.
///
/// throws  InputError naming the folder, and what is there instead: a link without its target,
///         shards without an index, several variants, pickled weights, files of other names
WeightFile find_weights(const std::filesystem::path& folder, std::string_view variant = {});

/// Whether a folder has anything that looks like weights, of whatever format, whole or not.
bool holds_weights(const std::filesystem::path& folder);

}  // namespace chitu::io
