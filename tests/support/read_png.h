#pragma once

#include <ATen/ops/empty.h>
#include <png.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "chitu_core/common/files.h"

namespace chitu::testing {

/// Reads a PNG as [H, W, 3] uint8 RGB.
inline at::Tensor read_png(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const auto check = [&](int done) {
    if (done == 0) throw std::runtime_error(path.string() + ": " + png.message);
  };
  check(png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()));
  png.format = PNG_FORMAT_RGB;
  at::Tensor pixels = at::empty({png.height, png.width, 3}, at::ScalarType::Byte);
  check(png_image_finish_read(&png, nullptr, pixels.data_ptr(), 0, nullptr));
  return pixels;
}

}  // namespace chitu::testing
