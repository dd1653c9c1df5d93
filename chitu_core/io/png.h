#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>

namespace chitu::io {

/// Writes one picture, [H, W, 3] uint8 RGB, as a PNG. The file appears complete or not at all.
/// Throws ShapeError for anything else, Error "<path>: cannot write: <reason>".
void write_png(const std::filesystem::path& path, const at::Tensor& image);

/// The bytes of such a file. Throws ShapeError and Error that begin with `what`.
std::string png_bytes(const at::Tensor& image, const std::string& what);

/// Reads a PNG of any kind as [H, W, 3] uint8 RGB; transparent pixels are put on black.
/// Throws InputError "<path>: cannot read: <reason>".
at::Tensor read_png(const std::filesystem::path& path);

}  // namespace chitu::io
