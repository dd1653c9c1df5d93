#include "pipelines/settings/profile_settings.h"

namespace chitu::pipelines {

using config::more_than;

void RateSettings::bind(config::Binder& b) {
  b.field("bfloat16", bfloat16, more_than(0), "dense, with sums in float32");
  b.field("float16", float16, more_than(0), "as bfloat16");
  b.field("float8", float8, more_than(0),
          "as bfloat16; not used for weights that are only stored in float8");
  b.field("tfloat32", tfloat32, more_than(0), "used for float32 convolutions when given");
  b.field("float32", float32, more_than(0), "without tensor cores");
}

void ProfileSettings::bind(config::Binder& b) {
  b.field("name", name, "name in reports");
  b.field("device", device,
          "the device that chitu plan assumes for device=auto; null: the one of this machine");
  b.field("memory", memory, "device memory; plans and runs on such a device assume it");
  b.field("flops", flops, "floating-point operations per second; null: unknown");
  b.field("link_bandwidth", link_bandwidth,
          "between host and device, one way, such as 28.8GB; null: unknown");
  b.field("disk_bandwidth", disk_bandwidth, "from disk; null: unknown");
  b.field("memory_bandwidth", memory_bandwidth, "of the device memory; null: unknown");
}

DeviceProfile ProfileSettings::device_profile() const {
  const auto rate = [](const std::optional<config::BytesPerSecond>& given) {
    return given ? std::optional(static_cast<double>(given->count)) : std::nullopt;
  };
  return {.name = name,
          .device = device.value_or(""),
          .memory_bytes = memory ? std::optional(memory->count) : std::nullopt,
          .flops = flops,
          .link_bandwidth = rate(link_bandwidth),
          .disk_bandwidth = rate(disk_bandwidth),
          .memory_bandwidth = rate(memory_bandwidth)};
}

}  // namespace chitu::pipelines
