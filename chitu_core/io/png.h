#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>

namespace chitu::io {

/// Writes one picture, [H, W, 3] uint8 RGB, as a PNG. The file appears complete or not at all.
/// Throws ShapeError for anything else, Error "<path>: cannot write: <reason>".
void write_png(const std::filesystem::path& path, const at::Tensor& image);

}  // namespace chitu::io
