#include "pipelines/machine/calibration.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <limits>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/device/compute_threads.h"
#include "chitu_core/device/device.h"

namespace chitu::pipelines {
namespace {

constexpr std::int64_t kSmallestSide = 256, kLargestSide = 8192;
constexpr double kLongEnough = 0.04;  // seconds: larger matrices gain nothing beyond this

/// The shortest time of several runs, and their number.
struct Best {
  double seconds = std::numeric_limits<double>::infinity();
  int runs = 0;
};

Best best_of(c10::Device device, double most_seconds, const std::function<void()>& work) {
  using Clock = std::chrono::steady_clock;
  work();  // warms up: loads kernels, touches pages
  device::synchronize(device);
  Best best;
  const auto end = Clock::now() + std::chrono::duration<double>(most_seconds);
  while (best.runs == 0 || Clock::now() < end) {
    const auto begin = Clock::now();
    work();
    device::synchronize(device);
    best.seconds =
        std::min(best.seconds, std::chrono::duration<double>(Clock::now() - begin).count());
    ++best.runs;
  }
  return best;
}

/// Square matrices, doubled in size until the fastest product takes long enough.
Measured measure_products(c10::Device device, at::ScalarType dtype, double seconds) {
  for (std::int64_t side = kSmallestSide;; side *= 2) {
    const auto options = at::TensorOptions().dtype(dtype).device(device);
    const at::Tensor a = at::ones({side, side}, options), b = at::ones({side, side}, options);
    at::Tensor product = at::empty({side, side}, options);
    const auto multiply = [&] { at::mm_out(product, a, b); };
    Best best = best_of(device, 0, multiply);
    if (best.seconds < kLongEnough && side < kLargestSide) continue;
    const Best more = best_of(device, seconds, multiply);
    best = {std::min(best.seconds, more.seconds), best.runs + more.runs};
    const double flops = 2.0 * static_cast<double>(side * side * side);
    return {flops / best.seconds,
            fmt::format("product of {0}x{0} matrices, the best of {1}", side, best.runs)};
  }
}

std::optional<Measured> try_products(c10::Device device, at::ScalarType dtype, double seconds) {
  try {
    return measure_products(device, dtype, seconds);
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const c10::Error&) {
    return std::nullopt;  // the device has no kernels for it
  }
}

/// float32 in convolutions, with TF32 if libtorch uses it for them.
Measured measure_convolutions(c10::Device device, double seconds) {
  constexpr std::int64_t kChannels = 512, kSide = 128;
  const auto options = at::TensorOptions().device(device);
  const at::Tensor input = at::ones({1, kChannels, kSide, kSide}, options),
                   weight = at::ones({kChannels, kChannels, 3, 3}, options);
  const Best best =
      best_of(device, seconds, [&] { at::conv2d(input, weight, {}, {1, 1}, {1, 1}); });
  const double flops = 2.0 * 9 * double(kChannels * kChannels) * double(kSide * kSide);
  return {flops / best.seconds,
          fmt::format("convolutions of {0}x{0}, {1} channels, the best of {2}", kSide, kChannels,
                      best.runs)};
}

Measured measure_link(const CalibrationOptions& options) {
  at::Tensor from = at::ones({options.most_bytes}, at::kByte);
  std::string how = "copies in host memory";
  if (!options.device.is_cpu()) {
    how = "copies from pinned host memory";
    from = from.pin_memory();
  }
  const at::Tensor to = at::empty_like(from, at::TensorOptions().device(options.device));
  const Best best =
      best_of(options.device, options.seconds_each, [&] { to.copy_(from, /*non_blocking=*/true); });
  return {
      static_cast<double>(options.most_bytes) / best.seconds,
      fmt::format("{} of {}, the best of {}", how, format_bytes(options.most_bytes), best.runs)};
}

Measured measure_memory(const CalibrationOptions& options) {
  const at::Tensor from =
      at::ones({options.most_bytes}, at::TensorOptions().dtype(at::kByte).device(options.device));
  const at::Tensor to = at::empty_like(from);
  const Best best = best_of(options.device, options.seconds_each, [&] { to.copy_(from); });
  return {2 * static_cast<double>(options.most_bytes) / best.seconds,
          fmt::format("copies of {} within it, bytes read and written, the best of {}",
                      format_bytes(options.most_bytes), best.runs)};
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "CPU";
}

/// A text as quoted YAML, with quotes inside doubled.
std::string quoted(const std::string& text) {
  std::string doubled;
  for (const char c : text) doubled += c == '\'' ? std::string("''") : std::string(1, c);
  return "'" + doubled + "'";
}

std::string figure(const std::string& key, const std::optional<Measured>& measured) {
  if (!measured) return fmt::format("{}: null  # cannot, or not measured\n", key);
  return fmt::format("{}: {:.3e}  # {}\n", key, measured->rate, measured->how);
}

std::string bandwidth(const std::string& key, const Measured& measured) {
  // At least three digits, also for a slow drive.
  const bool slow = measured.rate < 1e9;
  return fmt::format("{}: {:.3f}{}  # {}\n", key, measured.rate / (slow ? 1e6 : 1e9),
                     slow ? "MB" : "GB", measured.how);
}

}  // namespace

Calibration calibrate(const CalibrationOptions& options) {
  const c10::InferenceMode inference;
  const c10::Device device = options.device;
  Calibration found;
  // The disk first: only this part can fail because of the user's input.
  found.disk = measure_disk(options.disk_folder, options.most_bytes);
  device::start_compute_threads();
  const int threads = at::get_num_threads();
  found.name = device.is_cpu() ? fmt::format("{}, {} threads, as measured", processor(), threads)
                               : fmt::format("{}, as measured", device.str());
  found.where =
      fmt::format("{}, {} CPU threads, libtorch {}", device.str(), threads, TORCH_VERSION);
  found.device = c10::DeviceTypeName(device.type(), /*lower_case=*/true);
  found.memory_bytes = device::memory_room(device).total_bytes;
  found.float32 = measure_products(device, at::kFloat, options.seconds_each);
  found.bfloat16 = try_products(device, at::kBFloat16, options.seconds_each);
  found.float16 = try_products(device, at::kHalf, options.seconds_each);
  if (!device.is_cpu()) found.tfloat32 = measure_convolutions(device, options.seconds_each);
  found.link = measure_link(options);
  found.memory = measure_memory(options);
  return found;
}

std::string to_yaml(const Calibration& found) {
  return fmt::format("# Measured by `chitu calibrate` on {}.\n", found.where) +
         fmt::format("name: {}\ndevice: {}\nmemory: {}B\nflops:\n", quoted(found.name),
                     found.device, found.memory_bytes) +
         figure("  bfloat16", found.bfloat16) + figure("  float16", found.float16) +
         figure("  float8", {}) + figure("  tfloat32", found.tfloat32) +
         figure("  float32", found.float32) + bandwidth("link_bandwidth", found.link) +
         bandwidth("disk_bandwidth", found.disk) + bandwidth("memory_bandwidth", found.memory);
}

}  // namespace chitu::pipelines
