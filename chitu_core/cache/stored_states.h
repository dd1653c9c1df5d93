#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

namespace chitu::cache {

/// A tensor that is kept between steps, on its device or, if parked, in host memory.
class StoredStates {
 public:
  explicit StoredStates(bool parked = false) : parked_(parked) {}
  bool empty() const { return !kept_.defined(); }
  void clear() { kept_.reset(); }
  /// Keeps it; a parked one is copied to the host.
  void put(at::Tensor states);
  /// Where it was computed: the kept tensor itself, or a copy of a parked one. Not to be written.
  at::Tensor get() const;
  /// The same, not kept any more: the caller may write it.
  at::Tensor take();
  /// In a dry run: another one of the same bytes.
  StoredStates dry_run_twin() const;

 private:
  at::Tensor kept_;
  c10::Device device_ = c10::kCPU;  ///< where it was computed
  bool parked_;
};

}  // namespace chitu::cache
