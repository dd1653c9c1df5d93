#include "chitu_core/memory/weight_source.h"

#include <ATen/ATen.h>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/memory/weights.h"

namespace chitu::memory {

std::int64_t WeightRows::bytes() const {
  const std::int64_t all = parameter.rows();
  return all == 0 ? 0 : parameter.stored_bytes() / all * rows;
}

WeightRows WeightRows::part(std::int64_t first, std::int64_t count) const {
  const std::int64_t row_bytes = rows == 0 ? 0 : bytes() / rows;
  return {name, parameter, first_row + first, count, offset_bytes + first * row_bytes};
}

at::Tensor WeightRows::in(const at::Tensor& buffer) const {
  return buffer.narrow(0, offset_bytes, bytes())
      .view(parameter.stored)
      .view(parameter.stored_shape(rows));
}

void WeightSource::fill(std::span<const WeightRows> rows, const at::Tensor& buffer) const {
  for (const WeightRows& run : rows) {
    at::Tensor to = run.in(buffer);
    if (run.rows == run.parameter.rows())
      read_into(run.name, run.parameter, to);
    else
      read_rows(run.name, run.parameter, run.first_row, to);
  }
}

bool WeightSource::reads_parts(const std::string&, const Parameter&) const { return true; }

at::Tensor WeightSource::host_copy(const std::string&, const Parameter&) const { return {}; }

std::string WeightSource::identity(const std::string&, const Parameter&) const { return ""; }

const std::string& tensor_of(const io::Checkpoint& checkpoint, const std::string& name,
                             const Parameter& parameter) {
  const std::string& other = parameter.overriding_name;
  return !other.empty() && checkpoint.contains(other) ? other : name;
}

void FileWeights::check(const Module& module) const { check_weights(module, *checkpoint_); }

namespace {

StoredForm form_in(const io::Checkpoint& checkpoint, const std::string& name,
                   const Parameter& parameter) {
  const io::TensorInfo& info = checkpoint.info(tensor_of(checkpoint, name, parameter));
  return {info.dtype, info.encoding};
}

/// Encoded values of a vector are one row of blocks.
bool has_rows(const io::Checkpoint& checkpoint, const std::string& name,
              const Parameter& parameter) {
  const io::TensorInfo& info = checkpoint.info(tensor_of(checkpoint, name, parameter));
  return !info.encoding || info.shape.size() > 1;
}

}  // namespace

bool FileWeights::reads_parts(const std::string& name, const Parameter& parameter) const {
  return has_rows(*checkpoint_, name, parameter);
}

bool DryRunWeights::reads_parts(const std::string& name, const Parameter& parameter) const {
  return !checkpoint_ || has_rows(*checkpoint_, name, parameter);
}

StoredForm FileWeights::stored_form(const std::string& name, const Parameter& parameter) const {
  return form_in(*checkpoint_, name, parameter);
}

void FileWeights::read_into(const std::string& name, const Parameter& parameter,
                            at::Tensor& to) const {
  const std::string& tensor = tensor_of(*checkpoint_, name, parameter);
  if (parameter.encoding) return checkpoint_->read_encoded_rows(tensor, 0, to);
  checkpoint_->read_into(tensor, to);
}

void FileWeights::read_rows(const std::string& name, const Parameter& parameter,
                            std::int64_t first_row, at::Tensor& to) const {
  const std::string& tensor = tensor_of(*checkpoint_, name, parameter);
  if (parameter.encoding) return checkpoint_->read_encoded_rows(tensor, first_row, to);
  checkpoint_->read_rows(tensor, first_row, to);
}

at::Tensor FileWeights::table(const std::string& name, const Parameter& parameter) const {
  const std::string& tensor = tensor_of(*checkpoint_, name, parameter);
  return parameter.encoding ? checkpoint_->encoded(tensor) : checkpoint_->tensor(tensor);
}

std::string FileWeights::identity(const std::string& name, const Parameter& parameter) const {
  std::call_once(identified_, [&] {
    for (const io::TensorFile& file : checkpoint_->files()) files_ += io::text_of(file.identity());
  });
  return files_ + tensor_of(*checkpoint_, name, parameter);
}

StoredForm DryRunWeights::stored_form(const std::string& name, const Parameter& parameter) const {
  return checkpoint_ ? form_in(*checkpoint_, name, parameter) : StoredForm{stored_dtype_};
}

void DryRunWeights::check(const Module& module) const {
  if (checkpoint_) check_weights(module, *checkpoint_);
}

void DryRunWeights::read_into(const std::string& name, const Parameter& parameter,
                              at::Tensor&) const {
  device::count_disk_read(stored_bytes(name, parameter));
}

void DryRunWeights::read_rows(const std::string& name, const Parameter& parameter, std::int64_t,
                              at::Tensor& to) const {
  device::count_disk_read(stored_bytes(name, parameter) / parameter.shape.front() * to.size(0));
}

std::int64_t DryRunWeights::stored_bytes(const std::string& name,
                                         const Parameter& parameter) const {
  return checkpoint_
             ? checkpoint_->info(tensor_of(*checkpoint_, name, parameter)).size_bytes
             : parameter.numel() * static_cast<std::int64_t>(at::elementSize(stored_dtype_));
}

at::Tensor HostWeights::kept(const std::string& name, const Parameter& parameter,
                             std::int64_t first_row, std::int64_t rows) const {
  const Rows key{name, first_row};
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = kept_.find(key); found != kept_.end()) return found->second;
  }
  at::Tensor weight = read(name, parameter, first_row, rows);
  const std::lock_guard lock(mutex_);
  return kept_[key] = std::move(weight);
}

at::Tensor HostWeights::read(const std::string& name, const Parameter& parameter,
                             std::int64_t first_row, std::int64_t rows) const {
  const bool whole = rows == parameter.rows();
  at::Tensor weight = whole ? source().host_copy(name, parameter) : at::Tensor();
  if (weight.defined()) return weight;
  weight = at::empty(parameter.stored_shape(rows),
                     at::TensorOptions().dtype(parameter.stored).device(device::host()));
  if (whole)
    source().read_into(name, parameter, weight);
  else
    source().read_rows(name, parameter, first_row, weight);
  return weight;
}

void HostWeights::read_into(const std::string& name, const Parameter& parameter,
                            at::Tensor& to) const {
  to.copy_(kept(name, parameter, 0, parameter.rows()));
}

void HostWeights::read_rows(const std::string& name, const Parameter& parameter,
                            std::int64_t first_row, at::Tensor& to) const {
  const std::int64_t rows = to.size(0);
  to.copy_(keeps_ == Keeps::rows
               ? kept(name, parameter, first_row, rows)
               : kept(name, parameter, 0, parameter.rows()).narrow(0, first_row, rows));
}

at::Tensor DryRunWeights::table(const std::string&, const Parameter& parameter) const {
  const auto dtype = parameter.encoding ? parameter.stored : stored_dtype_;
  return at::empty(parameter.stored_shape(), at::TensorOptions().device(at::kMeta).dtype(dtype));
}

}  // namespace chitu::memory
