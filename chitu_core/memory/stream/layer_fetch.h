#pragma once

#include <cstdint>
#include <memory>

#include "chitu_core/memory/stream/stream_options.h"
#include "chitu_core/memory/stream/stream_report.h"
#include "chitu_core/memory/stream/streamed_layers.h"
#include "chitu_core/memory/stream_observer.h"
#include "chitu_core/memory/weight_source.h"

namespace chitu::memory {

/// Fills slabs with streamed layers, turn after turn (see StreamedLayers). There are three
/// implementations: host_fetch.cpp reads into slabs in host memory, device_fetch.h copies to a
/// device, dry_run_fetch.cpp only counts. The destructor waits for the work in flight.
class LayerFetch {
 public:
  virtual ~LayerFetch() = default;
  /// The turns that the layers have announced follow, from turn 0 on. `observer` may be null.
  virtual void begin(StreamObserver* observer) = 0;
  /// The layers have announced further turns.
  virtual void extend() = 0;
  /// Stops fetching and waits for the work in flight.
  virtual void end() noexcept = 0;
  /// Binds the turn's layer to its slab. On a device the current stream waits for the copies, on
  /// the host the call waits.
  ///
  /// throws  what failed while fetching
  virtual void bind(std::int64_t turn) = 0;
  /// Unbinds the layer. Its slab is filled again when what is queued on the current stream is done.
  virtual void release(std::int64_t turn) = 0;
  virtual StreamTraffic traffic() const = 0;
};

/// layers, source  not empty; outlive the fetch
/// throws          OutOfMemoryError, SystemLimitError
std::unique_ptr<LayerFetch> make_layer_fetch(const StreamedLayers& layers,
                                             const WeightSource& source, c10::Device device,
                                             const StreamOptions& options);

/// The implementations that make_layer_fetch() chooses from.
std::unique_ptr<LayerFetch> make_host_fetch(const StreamedLayers& layers,
                                            const WeightSource& source, c10::Device device,
                                            const StreamOptions& options);
std::unique_ptr<LayerFetch> make_device_fetch(const StreamedLayers& layers,
                                              const WeightSource& source, c10::Device device,
                                              const StreamOptions& options);
std::unique_ptr<LayerFetch> make_dry_run_fetch(const StreamedLayers& layers,
                                               const WeightSource& source, c10::Device device,
                                               const StreamOptions& options);

}  // namespace chitu::memory
