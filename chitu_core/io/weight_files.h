#pragma once

#include <filesystem>
#include <string_view>

namespace chitu::io {

/// The file to open for the weights of a component folder.
struct WeightFile {
  std::filesystem::path path;
  bool is_index = false;  ///< lists the shards and the tensors of each
};

/// Finds the weights of a component folder by the file names of diffusers and transformers. Without
/// a `variant` it looks for plain names. If there are none, it takes the only variant; of several
/// that differ only in precision, the widest. The log says which.
///
/// throws  InputError naming the folder and what it has instead: a link without its target, shards
///         without an index, several variants, pickled weights, files with other names
WeightFile find_weights(const std::filesystem::path& folder, std::string_view variant = {});

/// Whether a folder has files that look like weights, in any format, complete or not.
bool holds_weights(const std::filesystem::path& folder);

}  // namespace chitu::io
