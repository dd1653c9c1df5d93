#include "chitu_core/memory/weights.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/traffic.h"
#include "chitu_core/memory/staging.h"

namespace chitu::memory {
namespace {

constexpr std::size_t kMostFaults = 10;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

bool starts_with_any(const std::string& name, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return name.rfind(prefix, 0) == 0; });
}

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
  const auto check = [&](const std::string& name, const Parameter& parameter) {
    const io::TensorInfo& info = checkpoint.info(name);
    if (info.shape != parameter.shape)
      faults.push_back(fmt::format("{}: tensor {}: expected shape {}, got {}", info.file.string(),
                                   name, shape_text(parameter.shape), shape_text(info.shape)));
    else if (!at::isFloatingType(info.dtype))
      faults.push_back(fmt::format("{}: tensor {}: expected a floating-point dtype, got {}",
                                   info.file.string(), name, at::toString(info.dtype)));
  };
  module.visit_parameters([&](const std::string& name, const Parameter& parameter) {
    bool found = false;
    for (const std::string& stored : {name, parameter.overriding_name}) {
      if (stored.empty()) continue;
      known.insert(stored);
      if (!checkpoint.contains(stored)) continue;
      found = true;
      check(stored, parameter);
    }
    if (!found)
      faults.push_back(fmt::format("{}: tensor {} is missing, expected shape {}",
                                   checkpoint.folder().string(), name,
                                   shape_text(parameter.shape)));
  });
  for (const std::string& name : checkpoint.names()) {
    if (known.count(name) || starts_with_any(name, module.unused_prefixes())) continue;
    faults.push_back(fmt::format("{}: unknown tensor {}, the model has no such weight",
                                 checkpoint.info(name).file.string(), name));
  }
  if (!faults.empty()) refuse(faults);
}

namespace {

/// Fills a weight on a device, or in another memory format, through a host buffer: at once, or in
/// runs of rows if it is large.
void copy_staged(const std::string& name, const Parameter& parameter, const WeightSource& source,
                 const at::Tensor& bound) {
  const auto options = at::TensorOptions().dtype(parameter.stored).device(device::host());
  const auto bytes = static_cast<std::int64_t>(bound.nbytes());
  if (bytes <= kStagingBytes || bound.dim() == 0) {
    at::Tensor host = at::empty(parameter.shape, options);
    source.read_into(name, parameter, host);
    return device::copy_into(bound, host);
  }
  const std::int64_t rows = bound.size(0);
  std::vector<std::int64_t> shape = parameter.shape;
  shape.front() = rows_that_fit(kStagingBytes, bytes / rows);
  const at::Tensor buffer = at::empty(shape, options);
  for (std::int64_t first = 0; first < rows; first += buffer.size(0)) {
    at::Tensor part = buffer.narrow(0, 0, std::min(buffer.size(0), rows - first));
    source.read_rows(name, parameter, first, part);
    device::copy_into(bound.narrow(0, first, part.size(0)), part);
  }
}

/// A copy, never a view of the file: the file may change or vanish during the run, and the
/// allocator's alignment is the same at every memory level.
at::Tensor copy_of(const std::string& name, const Parameter& parameter, const WeightSource& source,
                   c10::Device device) {
  const auto options = at::TensorOptions().dtype(parameter.stored);
  at::Tensor bound =
      at::empty(parameter.shape, options.device(device).memory_format(parameter.memory_format));
  if (device::is_host(device) && parameter.memory_format == at::MemoryFormat::Contiguous) {
    source.read_into(name, parameter, bound);
    return bound;
  }
  copy_staged(name, parameter, source, bound);
  return bound;
}

/// Binds the parameters that `chosen` accepts: all of them, or none if it throws.
void bind(Module& module, const WeightSource& source, const WeightFormat& format,
          const std::function<bool(const std::string&)>& chosen, bool gather) {
  source.check(module);
  set_dtypes(module, format);
  try {
    module.visit_parameters([&](const std::string& name, Parameter& parameter) {
      if (!chosen(name)) return;
      parameter.tensor = gather && parameter.gathered
                             ? source.table(name, parameter)
                             : copy_of(name, parameter, source, format.device);
    });
  } catch (...) {
    module.unbind();
    throw;
  }
}

}  // namespace

void set_dtypes(Module& module, const WeightFormat& format) {
  module.visit_parameters([&](const std::string&, Parameter& parameter) {
    parameter.dtype = parameter.stored = compute_dtype(parameter.precision, format.dtype);
  });
  if (!format.stored) return;
  for (const auto& [name, layer] : module.layers())
    layer->visit_parameters([&](const std::string&, Parameter& parameter) {
      // Weights that the reference keeps in float32 stay float32.
      if (parameter.cast_for_use && parameter.precision == Precision::follow)
        parameter.stored = *format.stored;
    });
}

void bind_weights(Module& module, const WeightSource& source, const WeightFormat& format) {
  bind(module, source, format, [](const std::string&) { return true; }, false);
}

void bind_outside_layers(Module& module, const WeightSource& source, const WeightFormat& format,
                         const std::function<bool(std::int64_t)>& resident) {
  std::vector<std::string> layers;
  std::int64_t index = 0;
  for (const auto& [name, layer] : module.layers())
    if (!resident(index++)) layers.push_back(name + ".");
  bind(
      module, source, format,
      [&](const std::string& name) { return !starts_with_any(name, layers); }, true);
}

std::int64_t weight_bytes(const Module& module, at::ScalarType dtype) {
  std::int64_t bytes = 0;
  module.visit_parameters([&](const std::string&, const Parameter& parameter) {
    bytes += parameter.numel() *
             static_cast<std::int64_t>(at::elementSize(compute_dtype(parameter.precision, dtype)));
  });
  return bytes;
}

}  // namespace chitu::memory
