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
  b.field("memory", memory, "of the device; chitu plan compares with it");
  b.field("flops", flops, "multiplications and additions a second; null: not known");
  b.field("link_bandwidth", link_bandwidth, more_than(0),
          "bytes a second between host and device, one way; null: not known");
  b.field("disk_bandwidth", disk_bandwidth, more_than(0), "bytes a second from disk");
  b.field("memory_bandwidth", memory_bandwidth, more_than(0),
          "bytes a second of the device's own memory");
}

pipelines::DeviceProfile ProfileSettings::device_profile() const {
  return {.name = name,
          .device = device.value_or(""),
          .memory_bytes = memory ? std::optional(memory->count) : std::nullopt,
          .flops = flops,
          .link_bandwidth = link_bandwidth,
          .disk_bandwidth = disk_bandwidth,
          .memory_bandwidth = memory_bandwidth};
}

}  // namespace chitu::tools
