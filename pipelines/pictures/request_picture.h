#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace chitu::pipelines {

/// A picture that a request names.
struct RequestPicture {
  at::Tensor pixels;   ///< [H, W, 3] uint8 RGB, upright
  std::string sha256;  ///< of the file
};

/// Reads it, as io::read_picture() does.
///
/// key      of the request: "image"
/// sha256   that the file must have; empty = any
/// throws   InputError "request.<key>=<path>: <problem>"
RequestPicture read_request_picture(const std::string& key, const std::string& path,
                                    const std::string& sha256);

}  // namespace chitu::pipelines
