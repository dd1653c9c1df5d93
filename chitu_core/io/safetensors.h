#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/io/tensor_file.h"

namespace chitu::io {

/// A safetensors file.
///
/// Opening checks everything before use: the header's length, JSON, dtypes (F64 F32 F16 BF16
/// F8_E4M3 F8_E5M2 I64 I32 I16 I8 U8 BOOL), shapes, and that the tensors' bytes tile the rest of
/// the file exactly. Throws InputError "<file>: <problem>" or "<file>: tensor "<name>": <problem>".
/// source  github.com/huggingface/safetensors, README, section Format
class SafetensorsFile : public TensorFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);
};

/// Writes a safetensors file: the tensors' data in the given order, except that larger dtypes come
/// first so that every tensor is aligned. Tensors may be on any device and are copied to the CPU
/// one at a time. The file appears complete or not at all.
/// Throws InputError "<path>: cannot write: <reason>", and for a repeated name or a dtype that the
/// format does not have.
void write_safetensors(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace chitu::io
