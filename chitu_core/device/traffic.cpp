#include "chitu_core/device/traffic.h"

#include <ATen/core/Tensor.h>

#include <atomic>

#include "chitu_core/device/sim.h"

namespace chitu::device {
namespace {

std::atomic<std::int64_t> h2d_bytes{0}, d2h_bytes{0};

bool is_sim(c10::Device device) { return device.type() == c10::kPrivateUse1; }

}  // namespace

Traffic traffic(c10::Device device) {
  if (device.is_cpu()) return {};
  if (!is_sim(device)) return {h2d_bytes, d2h_bytes};
  const SimTraffic counted = sim_traffic();
  return {counted.h2d_bytes, counted.d2h_bytes};
}

void count_copy(c10::Device from, c10::Device to, std::int64_t bytes) {
  if (from.is_cpu() == to.is_cpu() || is_sim(from) || is_sim(to)) return;
  (from.is_cpu() ? h2d_bytes : d2h_bytes) += bytes;
}

at::Tensor move_to(const at::Tensor& tensor, c10::Device device) {
  count_copy(tensor.device(), device, static_cast<std::int64_t>(tensor.nbytes()));
  return tensor.to(device);
}

void copy_into(const at::Tensor& destination, const at::Tensor& source) {
  destination.copy_(source);
  count_copy(source.device(), destination.device(),
             static_cast<std::int64_t>(destination.nbytes()));
}

}  // namespace chitu::device
