#include "tools/chitu/regress/machine_key.h"

#include <torch/headeronly/version.h>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/common/cpu_model.h"
#include "chitu_core/device/device.h"
#include "chitu_core/io/hash.h"

namespace chitu::tools {
namespace {

constexpr std::size_t kHashDigits = 8;

/// libtorch tells the memory of any accelerator, but not its name.
std::string device_text(c10::Device device) {
  const std::string kind = c10::DeviceTypeName(device.type(), true);
  if (device.type() == c10::kPrivateUse1) return "sim";
  if (device.is_cpu()) return kind;
  return kind + " with " + format_bytes(device::memory_room(device).total_bytes);
}

}  // namespace

void MachineKey::bind(config::Binder& b) {
  b.required("device", device);
  b.required("cpu", cpu);
  b.required("processor", processor);
  b.required("libtorch", libtorch);
  b.field("ranks", ranks);
}

MachineKey machine_key(c10::Device device, const std::string& ranks) {
  return {.device = device_text(device),
          .cpu = chitu::to_string(cpu_capability()),
          .processor = io::sha256(cpu_model()).substr(0, kHashDigits),
          .libtorch = TORCH_VERSION,
          .ranks = ranks};
}

std::string to_string(const MachineKey& key) {
  return key.device + ", " + key.cpu + ", processor " + key.processor + ", libtorch " +
         key.libtorch + (key.ranks.empty() ? "" : ", ranks of " + key.ranks);
}

}  // namespace chitu::tools
