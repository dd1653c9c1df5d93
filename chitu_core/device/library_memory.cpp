#include "chitu_core/device/library_memory.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <map>
#include <mutex>

#include "chitu_core/device/device.h"

namespace chitu::device {
namespace {

constexpr std::int64_t kSide = 64;

void multiply(c10::Device device, at::ScalarType dtype) {
  const auto options = at::TensorOptions().device(device).dtype(dtype);
  const at::Tensor matrix = at::zeros({kSide, kSide}, options), bias = at::zeros({kSide}, options);
  at::mm(matrix, matrix);
  at::addmm(bias, matrix, matrix);  // libraries may have a workspace of their own for it
}

std::int64_t measure(c10::Device device) {
  const c10::InferenceMode inference;
  const std::int64_t before = memory_use(device).allocated_bytes;
  multiply(device, at::kFloat);
  multiply(device, at::kBFloat16);
  synchronize(device);
  return memory_use(device).allocated_bytes - before;
}

}  // namespace

std::int64_t library_bytes(c10::Device device) {
  if (device.is_cpu() || device.type() == c10::kPrivateUse1) return 0;
  static std::mutex mutex;
  static std::map<c10::DeviceIndex, std::int64_t> measured;
  const std::lock_guard lock(mutex);
  const auto found = measured.find(device.index());
  if (found != measured.end()) return found->second;
  return measured[device.index()] = measure(device);
}

}  // namespace chitu::device
