#include "chitu_core/memory/stream/layer_fetch.h"

#include "chitu_core/device/dry_run.h"

namespace chitu::memory {

std::unique_ptr<LayerFetch> make_layer_fetch(const StreamedLayers& layers,
                                             const WeightSource& source, c10::Device device,
                                             const StreamOptions& options) {
  if (device::in_dry_run()) return make_dry_run_fetch(layers, source, device, options);
  if (device::is_host(device)) return make_host_fetch(layers, source, device, options);
  return make_device_fetch(layers, source, device, options);
}

}  // namespace chitu::memory
