#include "chitu_core/memory/weights.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"

namespace chitu::memory {
namespace {

constexpr std::size_t kMostFaults = 10;

at::ScalarType dtype_of(const Parameter& parameter, at::ScalarType chosen) {
  return compute_dtype(parameter.precision, chosen);
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

bool starts_with_any(const std::string& name, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return name.rfind(prefix, 0) == 0; });
}

/// The one line, or the list of lines, that the user reads.
[[noreturn]] void refuse(const std::vector<std::string>& faults) {
  std::vector<std::string> shown(
      faults.begin(),
      faults.begin() + static_cast<std::ptrdiff_t>(std::min(faults.size(), kMostFaults)));
  if (faults.size() > kMostFaults)
    shown.push_back(fmt::format("and {} more", faults.size() - kMostFaults));
  throw InputError(join(shown, "\n"));
}

}  // namespace

void check_weights(const Module& module, const io::Checkpoint& checkpoint) {
  std::vector<std::string> faults;
  std::set<std::string> known;
  module.visit_parameters([&](const std::string& name, const Parameter& parameter) {
    known.insert(name);
    if (!checkpoint.contains(name)) {
      faults.push_back(fmt::format("{}: tensor {} is missing, expected shape {}",
                                   checkpoint.folder().string(), name,
                                   shape_text(parameter.shape)));
      return;
    }
    const io::TensorInfo& info = checkpoint.info(name);
    if (info.shape != parameter.shape)
      faults.push_back(fmt::format("{}: tensor {}: expected shape {}, got {}", info.file.string(),
                                   name, shape_text(parameter.shape), shape_text(info.shape)));
    else if (!at::isFloatingType(info.dtype))
      faults.push_back(fmt::format("{}: tensor {}: expected a floating-point dtype, got {}",
                                   info.file.string(), name, at::toString(info.dtype)));
  });
  for (const std::string& name : checkpoint.names()) {
    if (known.count(name) || starts_with_any(name, module.unused_prefixes())) continue;
    faults.push_back(fmt::format("{}: unknown tensor {}, the model has no such weight",
                                 checkpoint.info(name).file.string(), name));
  }
  if (!faults.empty()) refuse(faults);
}

void bind_weights(Module& module, const io::Checkpoint& checkpoint, const WeightFormat& format) {
  check_weights(module, checkpoint);
  try {
    module.visit_parameters([&](const std::string& name, Parameter& parameter) {
      const at::Tensor source = checkpoint.tensor(name);
      const auto options = at::TensorOptions()
                               .device(format.device)
                               .dtype(dtype_of(parameter, format.dtype))
                               .memory_format(parameter.memory_format);
      // Always a copy of our own, never a view of the file: the file may change or vanish while we
      // run, and an allocator's alignment is the same at every memory level.
      at::Tensor bound = at::empty(parameter.shape, options);
      bound.copy_(source);
      parameter.tensor = std::move(bound);
      checkpoint.drop_pages(name);
    });
  } catch (...) {
    module.unbind();
    throw;
  }
}

std::int64_t weight_bytes(const Module& module, at::ScalarType dtype) {
  std::int64_t bytes = 0;
  module.visit_parameters([&](const std::string&, const Parameter& parameter) {
    bytes +=
        parameter.numel() * static_cast<std::int64_t>(at::elementSize(dtype_of(parameter, dtype)));
  });
  return bytes;
}

}  // namespace chitu::memory
