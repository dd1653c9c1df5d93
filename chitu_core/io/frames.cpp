#include "chitu_core/io/frames.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "chitu_core/common/error.h"

namespace chitu::io {
namespace {

at::Tensor checked(const at::Tensor& tensor, std::int64_t dimensions, const std::string& what) {
  const bool fits = tensor.defined() && tensor.dim() == dimensions && tensor.size(-1) == 3 &&
                    tensor.numel() > 0 && tensor.scalar_type() == at::ScalarType::Byte;
  if (!fits)
    throw ShapeError(fmt::format(
        "{}: expected uint8 {}, got {}", what, dimensions == 3 ? "[H, W, 3]" : "[T, H, W, 3]",
        tensor.defined() ? fmt::format("{} {}", c10::toString(tensor.scalar_type()),
                                       std::vector<std::int64_t>(tensor.sizes().vec()))
                         : "nothing"));
  return tensor.cpu().contiguous();
}

}  // namespace

at::Tensor as_image(const at::Tensor& image, const std::string& what) {
  return checked(image, 3, what);
}

at::Tensor as_frames(const at::Tensor& frames, const std::string& what) {
  return checked(frames, 4, what);
}

}  // namespace chitu::io
