#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pipelines/model/model_folder.h"

namespace chitu::pipelines {

/// A checkpoint on the hub that runs here, for advice on missing files.
struct PublishedCheckpoint {
  std::string repository;                            ///< "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
  std::string size;                                  ///< part of the names of its folders: "1.3b"
  std::int64_t num_attention_heads = 0;              ///< of its transformer
  std::map<std::string, ComponentClass> components;  ///< by name: "transformer"
  std::string class_name = "WanPipeline";            ///< of its model_index.json
};

/// The published checkpoints of a family. Registered under any name.
class PublishedCheckpoints {
 public:
  virtual ~PublishedCheckpoints() = default;
  /// The name of one may contain that of a later one. The first is the smallest.
  virtual std::vector<PublishedCheckpoint> list() const = 0;
};

}  // namespace chitu::pipelines
