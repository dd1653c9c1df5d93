#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "chitu_core/graph/stored_value.h"
#include "chitu_core/io/safetensors.h"
#include "pipelines/model/model_identity.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// What a file of latents says beside its tensors.
struct LatentsOrigin {
  Request request;
  ModelIdentity model;
  std::filesystem::path ckpt_dir;  ///< where the model was, for messages
  std::string next_stage;          ///< that goes on from here: "decode_latents"
};

/// Latents that wait for their decoding, in a safetensors file. Its metadata say what they were
/// made from and by, so that the file alone is enough to finish the run.
class LatentsFile {
 public:
  /// Reads the header.
  ///
  /// throws  InputError "<file>: <problem>" for a file that is damaged or holds something else
  explicit LatentsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  const LatentsOrigin& origin() const { return origin_; }
  /// Of the tensor whose name ends in "latents".
  ///
  /// throws  InputError when there is none
  const std::vector<std::int64_t>& shape() const;

  /// Of the values, beside their tensors.
  const std::map<std::string, std::string>& texts() const { return texts_; }
  /// Reads the tensors, to the host.
  graph::StoredValue values() const;
  /// The same without their content: the tensors are on the meta device.
  graph::StoredValue shapes() const;

  /// The file appears whole or not at all.
  ///
  /// throws  InputError "<file>: cannot write: <reason>"
  static void write(const std::filesystem::path& path, const graph::StoredValue& values,
                    const LatentsOrigin& origin);
  /// Of the file that write() makes.
  static std::int64_t size_bytes(const graph::StoredValue& values, const LatentsOrigin& origin);

 private:
  io::SafetensorsFile file_;
  LatentsOrigin origin_;
  std::map<std::string, std::string> texts_;  ///< of the values
};

/// Checks that latents were made by this model, as far as `components` go: those of which weights
/// that differ would give another result.
///
/// throws  InputError naming the file, what it was made with, and what is here
void check_origin(const LatentsFile& latents, const ModelIdentity& model,
                  const std::vector<std::string>& components,
                  const std::filesystem::path& ckpt_dir);

/// Checks that latents have the shape that their request has in this model, and that the model can
/// do the request.
///
/// throws  InputError naming the file
void check_shape(const LatentsFile& latents, const Pipeline& pipeline);

/// Reads all tensors of a file that write_safetensors() made of values, to the host.
graph::StoredValue read_values(const io::SafetensorsFile& file);

}  // namespace chitu::pipelines
