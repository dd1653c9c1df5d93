#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "pipelines/model/model_folder.h"

namespace chitu::pipelines {

/// Tells one checkpoint from another by its content, wherever it lies.
struct ModelIdentity {
  std::string family;                          ///< "WanPipeline"
  std::map<std::string, std::string> weights;  ///< by component: a sum of its config and of samples
                                               ///< of its weights, 64 hexadecimal digits
  bool operator==(const ModelIdentity&) const = default;
};

/// Reads samples of every weight: milliseconds where the files are in the system's cache.
///
/// components  their names; those that share the folder of another are left out
/// files       that stand for some of them
/// throws      InputError when the folder or a file cannot be read
ModelIdentity identify_model(const std::filesystem::path& ckpt_dir,
                             const std::vector<std::string>& components,
                             const ModelFiles& files = {});

/// As long as a real one, where only sizes count.
ModelIdentity nobodys_identity(const ModelFolder& folder,
                               const std::vector<std::string>& components);

}  // namespace chitu::pipelines
