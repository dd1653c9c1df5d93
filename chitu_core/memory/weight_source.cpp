#include "chitu_core/memory/weight_source.h"

#include <ATen/ATen.h>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/memory/weights.h"

namespace chitu::memory {

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

}  // namespace

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

at::Tensor HostWeights::kept(const std::string& name, const Parameter& parameter) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = kept_.find(name); found != kept_.end()) return found->second;
  }
  at::Tensor weight = at::empty(parameter.stored_shape(),
                                at::TensorOptions().dtype(parameter.stored).device(device::host()));
  source_->read_into(name, parameter, weight);
  const std::lock_guard lock(mutex_);
  return kept_[name] = weight;
}

void HostWeights::read_into(const std::string& name, const Parameter& parameter,
                            at::Tensor& to) const {
  to.copy_(kept(name, parameter));
}

void HostWeights::read_rows(const std::string& name, const Parameter& parameter,
                            std::int64_t first_row, at::Tensor& to) const {
  to.copy_(kept(name, parameter).narrow(0, first_row, to.size(0)));
}

at::Tensor DryRunWeights::table(const std::string&, const Parameter& parameter) const {
  const auto dtype = parameter.encoding ? parameter.stored : stored_dtype_;
  return at::empty(parameter.stored_shape(), at::TensorOptions().device(at::kMeta).dtype(dtype));
}

}  // namespace chitu::memory
