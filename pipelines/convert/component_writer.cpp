#include "pipelines/convert/component_writer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/temporary.h"
#include "chitu_core/nn/finite.h"
#include "pipelines/model/device_choices.h"

namespace chitu::pipelines {
namespace {

constexpr std::int64_t kAtOnceBytes = 64 << 20;
constexpr float kLargestFloat8 = 448;  // of float8_e4m3fn

void write(TemporaryFile& file, const at::Tensor& data) {
  file.write({static_cast<const char*>(data.const_data_ptr()), data.nbytes()});
}

void check_finite(const io::Checkpoint& weights, const ConvertedTensor& tensor,
                  const at::Tensor& values) {
  if (!at::isFloatingType(values.scalar_type()) || nn::all_finite(values)) return;
  throw InputError(fmt::format("{}: tensor \"{}\": a value is not finite in {}",
                               weights.info(tensor.source).file.string(), tensor.source,
                               dtype_name(values.scalar_type())));
}

/// In runs of rows.
void write_plain(const io::Checkpoint& weights, const ConvertedTensor& tensor,
                 TemporaryFile& file) {
  const auto options = at::TensorOptions(tensor.out.dtype);
  std::vector<std::int64_t> shape = tensor.out.shape;
  const std::int64_t bytes = tensor.out.bytes();
  if (bytes <= kAtOnceBytes || shape.size() < 2) {
    at::Tensor values = at::empty(shape, options);
    weights.read_into(tensor.source, values);
    check_finite(weights, tensor, values);
    return write(file, values);
  }
  const std::int64_t rows = shape.front();
  const std::int64_t at_once = std::max<std::int64_t>(1, kAtOnceBytes / (bytes / rows));
  for (std::int64_t first = 0; first < rows; first += at_once) {
    shape.front() = std::min(at_once, rows - first);
    at::Tensor values = at::empty(shape, options);
    weights.read_rows(tensor.source, first, values);
    check_finite(weights, tensor, values);
    write(file, values);
  }
}

/// The largest magnitude becomes the largest float8 value.
void write_scaled(const io::Checkpoint& weights, const ConvertedTensor& tensor,
                  TemporaryFile& file) {
  at::Tensor values = at::empty(tensor.out.shape, at::TensorOptions(at::kFloat));
  weights.read_into(tensor.source, values);
  const float largest = values.numel() == 0 ? 0 : values.abs().max().item<float>();
  if (!std::isfinite(largest))
    throw InputError(fmt::format("{}: tensor \"{}\": a value is not finite, so it has no scale",
                                 weights.info(tensor.source).file.string(), tensor.source));
  const float scale = largest > 0 ? largest / kLargestFloat8 : 1;
  values.div_(scale).clamp_(-kLargestFloat8, kLargestFloat8);
  write(file, values.to(tensor.out.dtype));
  file.write({reinterpret_cast<const char*>(&scale), sizeof(scale)});
}

}  // namespace

void write_component(const io::Checkpoint& weights, const ConvertPlan& plan,
                     const std::filesystem::path& path, const std::function<void()>& between) {
  TemporaryFile file(path);
  file.write(io::safetensors_header(path, plan.outlines(), {{"format", "pt"}}));
  for (const ConvertedTensor& tensor : plan.tensors) {
    between();
    if (tensor.source.empty()) continue;  // the marker has no data
    if (tensor.is_scaled)
      write_scaled(weights, tensor, file);
    else
      write_plain(weights, tensor, file);
  }
  file.commit();
}

}  // namespace chitu::pipelines
