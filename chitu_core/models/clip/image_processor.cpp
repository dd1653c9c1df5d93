#include "chitu_core/models/clip/image_processor.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chitu_core/io/json.h"

namespace chitu::models {
namespace {

constexpr std::int64_t kLargest = 1 << 14;

std::int64_t side(const io::JsonObject& json, const std::string& key, std::int64_t value) {
  if (value < 1 || value > kLargest)
    json.fail(key, fmt::format("expected 1 to {}, got {}", kLargest, value));
  return value;
}

bool is_number(const io::JsonObject& json, const char* key) {
  return json.json().at(key).is_number_integer();
}

bool is_set(const io::JsonObject& json, const char* key) {
  return json.contains(key) && !json.json().at(key).is_null();
}

std::array<std::int64_t, 2> height_and_width(const io::JsonObject& size) {
  return {side(size, "height", size.required<std::int64_t>("height")),
          side(size, "width", size.required<std::int64_t>("width"))};
}

/// An integer is the shortest edge.
void read_size(const io::JsonObject& json, ClipImageProcessor& processor) {
  if (!is_set(json, "size")) return;
  if (is_number(json, "size")) {
    processor.shortest_edge = side(json, "size", json.required<std::int64_t>("size"));
    return;
  }
  const io::JsonObject size = json.object("size");
  for (const char* other : {"longest_edge", "max_height", "max_width"})
    if (is_set(size, other))
      size.fail(other, "is not supported, expected shortest_edge, or height and width");
  if (is_set(size, "shortest_edge")) {
    processor.shortest_edge =
        side(size, "shortest_edge", size.required<std::int64_t>("shortest_edge"));
    return;
  }
  processor.shortest_edge.reset();
  processor.size = height_and_width(size);
}

/// An integer is both sides.
void read_crop_size(const io::JsonObject& json, ClipImageProcessor& processor) {
  if (!is_set(json, "crop_size")) return;
  if (is_number(json, "crop_size"))
    processor.crop_size.fill(side(json, "crop_size", json.required<std::int64_t>("crop_size")));
  else
    processor.crop_size = height_and_width(json.object("crop_size"));
}

io::Resampling resampling(const io::JsonObject& json, io::Resampling fallback) {
  const auto number = json.value_or<std::int64_t>("resample", static_cast<std::int64_t>(fallback));
  if (number < 0 || number > 5)
    json.fail("resample", fmt::format("expected 0 to 5, a filter of Pillow, got {}", number));
  return static_cast<io::Resampling>(number);
}

/// Three numbers, or one for all channels.
std::array<double, 3> per_channel(const io::JsonObject& json, const char* key,
                                  const std::array<double, 3>& fallback) {
  if (!is_set(json, key)) return fallback;
  std::array<double, 3> values{};
  if (json.json().at(key).is_number()) {
    values.fill(json.required<double>(key));
    return values;
  }
  const auto numbers = json.required<std::vector<double>>(key);
  if (numbers.size() != values.size())
    json.fail(key, fmt::format("expected 3 numbers, got {}", numbers.size()));
  std::copy(numbers.begin(), numbers.end(), values.begin());
  return values;
}

at::Tensor channels(const std::array<double, 3>& values) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble).to(at::kFloat);
}

/// The size whose shorter side is this long.
std::array<std::int64_t, 2> scaled(std::int64_t height, std::int64_t width, std::int64_t shortest) {
  const auto longer = [&](std::int64_t longest, std::int64_t shorter) {
    return static_cast<std::int64_t>(static_cast<double>(shortest * longest) /
                                     static_cast<double>(shorter));
  };
  if (width <= height) return {longer(height, width), shortest};
  return {shortest, longer(width, height)};
}

/// The middle of [H, W, 3], with black around it where it is smaller.
at::Tensor center_crop(at::Tensor picture, const std::array<std::int64_t, 2>& size) {
  for (const std::int64_t dim : {0, 1}) {
    const std::int64_t wanted = size[static_cast<std::size_t>(dim)], has = picture.size(dim);
    if (has >= wanted) continue;
    // The larger half of the border comes first.
    const std::int64_t before = (wanted - has + 1) / 2, after = wanted - has - before;
    picture =
        at::constant_pad_nd(picture, dim == 0 ? std::vector<std::int64_t>{0, 0, 0, 0, before, after}
                                              : std::vector<std::int64_t>{0, 0, before, after});
  }
  return picture.narrow(0, (picture.size(0) - size[0]) / 2, size[0])
      .narrow(1, (picture.size(1) - size[1]) / 2, size[1]);
}

}  // namespace

ClipImageProcessor ClipImageProcessor::from_json(const io::JsonObject& json) {
  for (const char* other : {"do_pad", "use_square_size"})
    if (json.value_or(other, false)) json.fail(other, "true is not supported, expected false");
  ClipImageProcessor processor;
  processor.do_resize = json.value_or("do_resize", processor.do_resize);
  read_size(json, processor);
  processor.resample = resampling(json, processor.resample);
  processor.do_center_crop = json.value_or("do_center_crop", processor.do_center_crop);
  read_crop_size(json, processor);
  processor.do_rescale = json.value_or("do_rescale", processor.do_rescale);
  processor.rescale_factor = json.value_or("rescale_factor", processor.rescale_factor);
  processor.do_normalize = json.value_or("do_normalize", processor.do_normalize);
  processor.image_mean = per_channel(json, "image_mean", processor.image_mean);
  processor.image_std = per_channel(json, "image_std", processor.image_std);
  for (const double value : processor.image_std)
    if (!(value > 0)) json.fail("image_std", fmt::format("expected more than 0, got {}", value));
  return processor;
}

std::optional<std::array<std::int64_t, 2>> ClipImageProcessor::result_size() const {
  if (do_center_crop) return crop_size;
  if (do_resize && !shortest_edge) return size;
  return std::nullopt;
}

at::Tensor ClipImageProcessor::pixel_values(const at::Tensor& picture) const {
  at::Tensor pixels = picture;
  if (do_resize) {
    const auto [height, width] =
        shortest_edge ? scaled(picture.size(0), picture.size(1), *shortest_edge) : size;
    pixels = io::resize_picture(pixels, height, width, resample);
  }
  if (do_center_crop) pixels = center_crop(pixels, crop_size);
  at::Tensor values = do_rescale ? pixels.to(at::kDouble).mul_(rescale_factor).to(at::kFloat)
                                 : pixels.to(at::kFloat);
  if (do_normalize) values = (values - channels(image_mean)) / channels(image_std);
  return values.permute({2, 0, 1}).unsqueeze(0).contiguous();
}

}  // namespace chitu::models
