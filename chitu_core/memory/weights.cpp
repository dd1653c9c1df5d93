#include "chitu_core/memory/weights.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

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

bool starts_with_any(const std::string& name, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return name.rfind(prefix, 0) == 0; });
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
    if (parameter.added) return;  // checked when the LoRA was read
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
                                   checkpoint.path().string(), name, shape_text(parameter.shape)));
  });
  for (const std::string& name : checkpoint.names()) {
    if (known.count(name) || starts_with_any(name, module.unused_prefixes())) continue;
    faults.push_back(fmt::format("{}: unknown tensor {}, the model has no such weight",
                                 checkpoint.info(name).file.string(), name));
  }
  if (!faults.empty()) throw InputError(join(first_few(faults, kMostFaults), "\n"));
}

namespace {

bool needs_staging(const Parameter& parameter, c10::Device device) {
  return !device::is_host(device) || parameter.memory_format != at::MemoryFormat::Contiguous;
}

/// Rows that pass through the staging buffer at once: all of them unless the weight is large.
std::int64_t staged_rows(const Parameter& parameter) {
  const std::int64_t rows = parameter.rows();
  const std::int64_t bytes = parameter.stored_bytes();
  return bytes <= kStagingBytes ? rows : rows_that_fit(kStagingBytes, bytes / rows);
}

std::int64_t staged_bytes(const Parameter& parameter) {
  const std::int64_t rows = parameter.rows();
  return rows == 0 ? 0 : parameter.stored_bytes() / rows * staged_rows(parameter);
}

/// Fills a weight on a device, or in another memory format, through a host buffer: at once, or in
/// runs of rows if it is large.
void copy_staged(const std::string& name, const Parameter& parameter, const WeightSource& source,
                 Staging& staging, const at::Tensor& bound) {
  std::vector<std::int64_t> shape = parameter.stored_shape();
  const std::int64_t at_once = staged_rows(parameter), rows = parameter.rows();
  if (at_once >= rows) {
    at::Tensor host = staging.tensor(shape, parameter.stored);
    source.read_into(name, parameter, host);
    return device::copy_into(bound, host);
  }
  for (std::int64_t first = 0; first < rows; first += at_once) {
    shape.front() = std::min(at_once, rows - first);
    at::Tensor part = staging.tensor(shape, parameter.stored);
    source.read_rows(name, parameter, first, part);
    device::copy_into(bound.narrow(0, first, shape.front()), part);
  }
}

/// A copy, never a view of the file: the file may change or vanish during the run, and the
/// allocator's alignment is the same at every memory level. In host memory it may be that of other
/// processes, too.
at::Tensor copy_of(const std::string& name, const Parameter& parameter, const WeightSource& source,
                   Staging& staging, c10::Device device) {
  if (!needs_staging(parameter, device))
    if (at::Tensor shared = source.host_copy(name, parameter); shared.defined()) return shared;
  const auto options = at::TensorOptions().dtype(parameter.stored);
  at::Tensor bound = at::empty(parameter.stored_shape(),
                               options.device(device).memory_format(parameter.memory_format));
  if (needs_staging(parameter, device))
    copy_staged(name, parameter, source, staging, bound);
  else
    source.read_into(name, parameter, bound);
  return bound;
}

/// Which parameters to bind, and whether the gathered ones stay where the source has them.
struct Chosen {
  std::function<bool(const std::string&)> accepts;
  bool gather = false;

  bool copies(const std::string& name, const Parameter& parameter) const {
    return accepts(name) && !(gather && parameter.gathered);
  }
};

Staging staging_for(const Module& module, const WeightFormat& format, const Chosen& chosen) {
  std::int64_t bytes = 0;
  module.visit_parameters([&](const std::string& name, const Parameter& parameter) {
    if (chosen.copies(name, parameter) && needs_staging(parameter, format.device))
      bytes = std::max(bytes, staged_bytes(parameter));
  });
  return {bytes, format.device, format.pin_memory};
}

/// Binds the parameters that are chosen: all of them, or none if it throws.
void bind(Module& module, const WeightSource& source, const WeightFormat& format,
          const Chosen& chosen) {
  source.check(module);
  set_dtypes(module, source, format);
  Staging staging = staging_for(module, format, chosen);
  try {
    module.visit_parameters([&](const std::string& name, Parameter& parameter) {
      if (!chosen.accepts(name)) return;
      parameter.tensor = chosen.copies(name, parameter)
                             ? copy_of(name, parameter, source, staging, format.device)
                             : source.table(name, parameter);
    });
  } catch (...) {
    module.unbind();
    throw;
  }
}

}  // namespace

namespace {

/// Where the source has float8 or encoded values, as they are.
void store_as_source(const std::string& name, Parameter& parameter, const WeightSource& source) {
  parameter.encoding = nullptr;
  parameter.stored = parameter.dtype;
  if (!parameter.decoded_for_use() || parameter.added) return;
  StoredForm form = source.stored_form(name, parameter);
  if (form.encoding)
    parameter.stored = at::kByte;
  else if (parameter.cast_for_use && c10::isFloat8Type(form.dtype))
    parameter.stored = form.dtype;
  parameter.encoding = std::move(form.encoding);
}

}  // namespace

void set_dtypes(Module& module, const WeightSource& source, const WeightFormat& format) {
  module.visit_parameters([&](const std::string& name, Parameter& parameter) {
    parameter.dtype = compute_dtype(parameter.precision, format.dtype);
    store_as_source(name, parameter, source);
  });
  if (!format.stored) return;
  for (const auto& [name, layer] : module.layers())
    layer->visit_parameters([&](const std::string&, Parameter& parameter) {
      // Weights that the reference keeps in float32 stay float32.
      if (parameter.cast_for_use && !parameter.encoding && parameter.precision == Precision::follow)
        parameter.stored = *format.stored;
    });
}

void bind_weights(Module& module, const WeightSource& source, const WeightFormat& format) {
  bind(module, source, format, {[](const std::string&) { return true; }});
}

void bind_outside_layers(Module& module, const WeightSource& source, const WeightFormat& format,
                         const std::function<bool(std::int64_t)>& resident) {
  std::vector<std::string> layers;
  std::int64_t index = 0;
  for (const auto& [name, layer] : module.layers())
    if (!resident(index++)) layers.push_back(name + ".");
  const auto is_outside = [&](const std::string& name) { return !starts_with_any(name, layers); };
  bind(module, source, format, {is_outside, true});
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
