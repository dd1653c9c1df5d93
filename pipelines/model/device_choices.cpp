#include "pipelines/model/device_choices.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/parallel/degrees.h"

namespace chitu::pipelines {
namespace {

constexpr std::pair<std::string_view, at::ScalarType> kDtypes[] = {
    {"float32", at::kFloat}, {"bfloat16", at::kBFloat16}, {"float16", at::kHalf}};

at::ScalarType parse_dtype(std::string_view key, std::string_view name, at::ScalarType if_auto) {
  if (name == "auto") return if_auto;
  for (const auto& [known, dtype] : kDtypes)
    if (name == known) return dtype;
  throw InputError(fmt::format("{}={}: expected auto, float32, bfloat16 or float16", key, name));
}

/// A configuration cannot give others; a program can.
void check_profile(const DeviceProfile& profile) {
  const auto check = [](const char* key, std::optional<double> number) {
    if (number && !(std::isfinite(*number) && *number > 0))
      throw InputError(
          fmt::format("device.profile.{}={}: expected a finite number above 0", key, *number));
  };
  check("memory", profile.memory_bytes);
  check("flops.bfloat16", profile.flops.bfloat16);
  check("flops.float16", profile.flops.float16);
  check("flops.float8", profile.flops.float8);
  check("flops.tfloat32", profile.flops.tfloat32);
  check("flops.float32", profile.flops.float32);
  check("link_bandwidth", profile.link_bandwidth);
  check("disk_bandwidth", profile.disk_bandwidth);
  check("memory_bandwidth", profile.memory_bandwidth);
}

}  // namespace

std::string_view dtype_name(at::ScalarType dtype) {
  for (const auto& [name, known] : kDtypes)
    if (dtype == known) return name;
  return c10::toString(dtype);
}

memory::PlanRequest choices_on(c10::Device device, const EngineOptions& options) {
  if (options.profile) check_profile(*options.profile);
  // On a CPU, simulated devices included, the reference computes in float32, which is also the
  // faster dtype at small sizes.
  const bool on_cpu = device.is_cpu() || options.device == "sim";
  return {.device = device,
          .dtype = parse_dtype("infer.dtype", options.dtype, on_cpu ? at::kFloat : at::kBFloat16),
          .vae_dtype = parse_dtype("infer.vae_dtype", options.vae_dtype, at::kFloat),
          .components = components_of(options.ckpt_dir)};
}

ModelChoices model_choices(const EngineOptions& options, c10::Device device) {
  parallel::check_degrees(options.parallel);
  return {.attn_type = options.attn_type,
          .device = device,
          .context_parallel = options.context_parallel,
          .parallel = options.parallel,
          .prompt_cache = options.prompt_cache,
          .scheduler = options.scheduler,
          .stages = options.stages,
          .loras = {options.loras, options.lora_mode},
          .files = options.files,
          .defaults = options.defaults};
}

device::SimOptions sim_options(const EngineOptions& options) {
  device::SimOptions sim = options.sim;
  if (!sim.capacity_bytes && options.profile) sim.capacity_bytes = options.profile->memory_bytes;
  return sim;
}

memory::PlanRequest devices_of(const EngineOptions& options) {
  return choices_on(options.device == "sim" ? device::configure_sim(sim_options(options))
                                            : device::resolve(options.device),
                    options);
}

}  // namespace chitu::pipelines
