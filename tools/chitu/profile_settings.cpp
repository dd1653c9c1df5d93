#include "tools/chitu/profile_settings.h"

namespace chitu::tools {

using config::more_than;

void RateSettings::bind(config::Binder& b) {
  b.field("bfloat16", bfloat16, more_than(0), "dense, with sums in float32");
  b.field("float16", float16, more_than(0), "likewise");
  b.field("float8", float8, more_than(0), "likewise; of no use to weights that only wait in it");
  b.field("tfloat32", tfloat32, more_than(0),
          "what convolutions in float32 take where it is given");
  b.field("float32", float32, more_than(0), "outside tensor cores");
}

void ProfileSettings::bind(config::Binder& b) {
  b.field("name", name, "as reports say it");
  b.field("device", device, "what chitu plan takes device=auto for; null: what is here");
  b.field("memory", memory, "of the device; plans and runs on such a device count with it");
  b.field("flops", flops, "multiplications and additions a second; null: not known");
  b.field("link_bandwidth", link_bandwidth,
          "between host and device, one way, as 28.8GB; null: not known");
  b.field("disk_bandwidth", disk_bandwidth, "from disk; null: likewise");
  b.field("memory_bandwidth", memory_bandwidth, "of the device's own memory; null: likewise");
}

pipelines::DeviceProfile ProfileSettings::device_profile() const {
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

}  // namespace chitu::tools
