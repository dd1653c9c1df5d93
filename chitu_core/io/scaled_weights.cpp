#include "chitu_core/io/scaled_weights.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/quoted_name.h"

namespace chitu::io {
namespace {

constexpr std::array<std::string_view, 2> kScales{".scale_weight", ".weight_scale"};
constexpr std::array<std::string_view, 2> kInputScales{".scale_input", ".input_scale"};
constexpr std::string_view kFormat = ".comfy_quant";
constexpr std::string_view kMarker = "scaled_fp8";
/// The tokenizer, as ComfyUI's files of umT5 have it.
constexpr std::string_view kTokenizer = "spiece_model";
constexpr std::string_view kExpected = "expected fp8_scaled, GGUF or plain weights";
constexpr std::int64_t kMostFormatBytes = 1 << 16;

/// Formats that a tensor's name tells.
constexpr std::array kForeign{std::pair{".weight_scale_2", "nvfp4"},
                              std::pair{".weight_scale_inv", "block-scaled fp8"},
                              std::pair{".wscales", "W4A8 or W4A4 (SVDQuant)"},
                              std::pair{".wtscale", "W4A4 (SVDQuant)"},
                              std::pair{".smooth_factor", "W4A8 or W4A4 (SVDQuant)"},
                              std::pair{".qweight", "W4A8, W4A4 or W4A16 (packed 4-bit)"},
                              std::pair{".qzeros", "W4A16 (AWQ or GPTQ)"},
                              std::pair{".absmax", "bitsandbytes 4-bit"},
                              std::pair{".SCB", "bitsandbytes int8"}};

[[noreturn]] void refuse(const TensorInfo& tensor, const std::string& problem) {
  throw InputError(
      fmt::format("{}: tensor {}: {}", tensor.file.string(), quoted_name(tensor.name), problem));
}

[[noreturn]] void refuse_format(const TensorInfo& tensor, std::string_view format) {
  refuse(tensor, fmt::format("{} weights are not supported, {}", format, kExpected));
}

/// The name without one of these endings.
template <class Endings>
std::optional<std::string> without_ending(const std::string& name, const Endings& endings) {
  for (const std::string_view ending : endings)
    if (name.ends_with(ending)) return name.substr(0, name.size() - ending.size());
  return std::nullopt;
}

/// Alone, or below a prefix of the component.
bool is_named(std::string_view name, std::string_view last) {
  if (!name.ends_with(last)) return false;
  const std::string_view before = name.substr(0, name.size() - last.size());
  return before.empty() || before.ends_with('.');
}

class Search {
 public:
  explicit Search(const std::vector<TensorFile>& files) : files_(files) {
    for (const TensorFile& file : files)
      for (const TensorInfo& tensor : file.tensors()) tensors_.emplace(tensor.name, &tensor);
  }

  ScaledWeights run() {
    for (const TensorFile& file : files_) {
      read_format_metadata(file);
      for (const TensorInfo& tensor : file.tensors()) look_at(file, tensor);
    }
    for (const TensorInfo* tensor : input_scales_) require_scaled(*tensor);
    if (marked_) check_all_scaled();
    return std::move(found_);
  }

 private:
  void look_at(const TensorFile& file, const TensorInfo& tensor) {
    for (const auto& [ending, format] : kForeign)
      if (tensor.name.ends_with(ending)) refuse_format(tensor, format);
    if (is_named(tensor.name, kMarker)) {
      marked_ = true;
      found_.beside.insert(tensor.name);
    } else if (is_named(tensor.name, kTokenizer)) {
      found_.beside.insert(tensor.name);
    } else if (const auto layer = without_ending(tensor.name, kScales)) {
      add_scale(*layer + ".weight", tensor);
    } else if (without_ending(tensor.name, kInputScales)) {
      input_scales_.push_back(&tensor);
      found_.beside.insert(tensor.name);
    } else if (without_ending(tensor.name, std::array{kFormat})) {
      read_format(file, tensor);
      found_.beside.insert(tensor.name);
    }
  }

  void add_scale(const std::string& weight, const TensorInfo& scale) {
    const auto found = tensors_.find(weight);
    if (found == tensors_.end()) refuse(scale, "a scale without its weight " + quoted_name(weight));
    check_scaled(*found->second, scale);
    if (!found_.scale_of.emplace(weight, scale.name).second)
      refuse(scale, "a second scale of " + quoted_name(weight));
    found_.beside.insert(scale.name);
  }

  static void check_scaled(const TensorInfo& weight, const TensorInfo& scale) {
    if (weight.dtype == at::kChar)
      refuse_format(weight, "int8 (int8_tensorwise, int8_convrot, W8A8)");
    if (weight.dtype == at::kByte) refuse_format(weight, "packed 4-bit (nvfp4, W4A8)");
    if (c10::isFloat8Type(weight.dtype) && scale.dtype == at::kByte) refuse_format(weight, "mxfp8");
    if (!c10::isFloat8Type(weight.dtype))
      refuse(scale, fmt::format("a scale of {} weights, expected float8 ones",
                                at::toString(weight.dtype)));
    if (!at::isFloatingType(scale.dtype))
      refuse(scale,
             fmt::format("expected a floating-point dtype, got {}", at::toString(scale.dtype)));
    const std::int64_t rows = weight.shape.size() < 2 ? 1 : weight.shape.front();
    if (scale.numel() != 1 &&
        (scale.numel() != rows || scale.shape.empty() || scale.shape.front() != rows))
      refuse(scale, fmt::format("has {} numbers, expected 1, or 1 for each of the {} rows of its "
                                "weight; scales of blocks are not supported",
                                scale.numel(), rows));
  }

  void require_scaled(const TensorInfo& input_scale) const {
    const auto layer = without_ending(input_scale.name, kInputScales);
    if (!found_.scale_of.contains(*layer + ".weight"))
      refuse(input_scale, "the scale of an input whose layer has no scaled weight");
  }

  void check_all_scaled() const {
    for (const auto& [name, tensor] : tensors_)
      if (c10::isFloat8Type(tensor->dtype) && !found_.beside.contains(name) &&
          !found_.scale_of.contains(name))
        refuse(*tensor, "float8 without its scale, though the file has the marker scaled_fp8");
  }

  void read_format(const TensorFile& file, const TensorInfo& tensor) const {
    if (tensor.dtype != at::kByte || tensor.size_bytes > kMostFormatBytes)
      refuse(tensor, "expected the name of a format in a few bytes");
    std::string text(static_cast<std::size_t>(tensor.size_bytes), '\0');
    file.read_bytes(tensor.offset_bytes, text.data(), tensor.size_bytes);
    check_format(parse_json(text, file.path().string() + ": " + tensor.name), tensor);
  }

  static void check_format(const nlohmann::json& said, const TensorInfo& tensor) {
    if (!said.is_object() || !said.contains("format") || !said.at("format").is_string())
      refuse(tensor, "expected an object with a format");
    auto format = said.at("format").get<std::string>();
    if (said.value("convrot", nlohmann::json(false)) == true) format += " with int8_convrot";
    if (format != "float8_e4m3fn" && format != "float8_e5m2") refuse_format(tensor, format);
  }

  /// The same formats, where they stand in the header instead of in tensors.
  void read_format_metadata(const TensorFile& file) const {
    const auto found = file.metadata().find("_quantization_metadata");
    if (found == file.metadata().end()) return;
    const std::string name = file.path().string() + ": _quantization_metadata";
    const nlohmann::json said = parse_json(found->second, name);
    if (!said.is_object() || !said.contains("layers") || !said.at("layers").is_object())
      throw InputError(name + ": expected an object with layers");
    for (const auto& [layer, format] : said.at("layers").items()) {
      const auto weight = tensors_.find(layer + ".weight");
      if (weight != tensors_.end()) check_format(format, *weight->second);
    }
  }

  const std::vector<TensorFile>& files_;
  std::map<std::string, const TensorInfo*> tensors_;
  std::vector<const TensorInfo*> input_scales_;
  ScaledWeights found_;
  bool marked_ = false;
};

}  // namespace

ScaledWeights find_scales(const std::vector<TensorFile>& files) { return Search(files).run(); }

}  // namespace chitu::io
