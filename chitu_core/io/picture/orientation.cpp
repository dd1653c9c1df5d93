#include "chitu_core/io/picture/orientation.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>

namespace chitu::io {
namespace {

constexpr std::uint64_t kOrientationTag = 0x0112;
constexpr std::uint64_t kShort = 3;

/// Unsigned integers of a TIFF structure.
class Tiff {
 public:
  explicit Tiff(std::string_view bytes) : bytes_(bytes), little_(bytes.starts_with("II")) {}

  bool valid() const {
    return (little_ || bytes_.starts_with("MM")) && number(2, 2) == std::uint64_t{42};
  }

  std::optional<std::uint64_t> number(std::uint64_t at, std::uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) return std::nullopt;
    std::uint64_t value = 0;
    for (std::uint64_t i = 0; i < size; ++i)
      value = value << 8 | static_cast<std::uint8_t>(bytes_[at + (little_ ? size - 1 - i : i)]);
    return value;
  }

 private:
  std::string_view bytes_;
  bool little_;
};

std::optional<int> orientation_in_exif(std::string_view exif) {
  const Tiff tiff(exif);
  if (!tiff.valid()) return std::nullopt;
  const auto directory = tiff.number(4, 4);
  const auto entries = directory ? tiff.number(*directory, 2) : std::nullopt;
  for (std::uint64_t i = 0; entries && i < *entries; ++i) {
    const std::uint64_t entry = *directory + 2 + 12 * i;
    const auto tag = tiff.number(entry, 2), type = tiff.number(entry + 2, 2);
    if (!tag || !type) return std::nullopt;
    if (*tag != kOrientationTag) continue;
    const auto value = tiff.number(entry + 8, *type == kShort ? 2 : 4);
    return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
  }
  return std::nullopt;
}

/// tiff:Orientation="6", or the same as an element.
std::optional<int> orientation_in_xmp(std::string_view xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  for (std::size_t at = xmp.find(kName); at != std::string_view::npos;
       at = xmp.find(kName, at + 1)) {
    std::string_view rest = xmp.substr(at + kName.size());
    if (rest.starts_with("=\""))
      rest.remove_prefix(2);
    else if (rest.starts_with(">"))
      rest.remove_prefix(1);
    else
      continue;
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') return rest[0] - '0';
  }
  return std::nullopt;
}

}  // namespace

int orientation_of(std::string_view exif, std::string_view xmp) {
  auto found = orientation_in_exif(exif);
  if (!found) found = orientation_in_xmp(xmp);
  return found && *found >= 1 && *found <= 8 ? *found : 1;
}

at::Tensor upright(const at::Tensor& pixels, int orientation) {
  // From 5 on rows and columns are exchanged, then as for 1 to 4.
  const at::Tensor turned = orientation >= 5 ? pixels.transpose(0, 1) : pixels;
  switch (orientation) {
    case 2:
    case 6:
      return turned.flip({1}).contiguous();
    case 3:
    case 7:
      return turned.flip({0, 1}).contiguous();
    case 4:
    case 8:
      return turned.flip({0}).contiguous();
    default:
      return turned.contiguous();
  }
}

}  // namespace chitu::io
