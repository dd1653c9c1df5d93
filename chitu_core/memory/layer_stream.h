#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>

#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/memory/layer_range.h"
#include "chitu_core/memory/stream/layer_fetch.h"
#include "chitu_core/memory/stream/stream_options.h"
#include "chitu_core/memory/stream/stream_report.h"
#include "chitu_core/memory/stream/streamed_layers.h"
#include "chitu_core/memory/stream_observer.h"
#include "chitu_core/memory/weight_source.h"

namespace chitu::memory {

/// Fetches the layers of a module one after another while earlier ones compute.
///
/// The weights of a layer are packed into one aligned slab. The stream allocates its slabs once
/// and reuses them: while one computes, the next free one is filled from the checkpoint, with the
/// same casts as in bind_weights(), so a streamed weight has the bits and the alignment of a
/// resident one. Passes are cyclic: the last layer is followed by the first of the next pass.
/// Resident layers are skipped. LayerFetch does the work, on threads of its own; a dry run only
/// counts it.
class LayerStream final : public LayerObserver {
 public:
  using Layers = StreamedLayers::Layers;
  using Traffic = StreamTraffic;

  /// layers  name in the source, and module. They and the source outlive the stream; their dtypes
  ///         are set (set_dtypes), and the resident ones are bound
  /// throws  Error for a weight that is not contiguous; OutOfMemoryError; SystemLimitError
  LayerStream(const Layers& layers, const WeightSource& source, c10::Device device,
              const StreamOptions& options);
  ~LayerStream() override;
  LayerStream(const LayerStream&) = delete;
  LayerStream& operator=(const LayerStream&) = delete;

  /// Announces passes over all layers; nothing is fetched beyond them. Layers that an unfinished
  /// pass has fetched are dropped. The observer, if any, gets their events until end_passes().
  void begin_passes(std::int64_t passes, StreamObserver* observer = nullptr);
  /// The same for passes that may skip layers: at most so many, each of which announce_pass()
  /// announces before its first layer.
  void begin_partial_passes(std::int64_t most_passes, StreamObserver* observer = nullptr);
  /// One more pass, over these layers, or the rest of one.
  void announce_pass(const LayerRange& layers);
  void end_passes() noexcept;

  /// Binds the layer's parameters to its slab. The device's current stream waits for the copy; on
  /// the host the call waits.
  ///
  /// throws  Error if layers come out of order or more often than announced; what failed while
  ///         fetching
  void before_layer(std::int64_t index) override;
  void after_layer(std::int64_t index) override;

  Traffic traffic() const;
  /// Bytes of one slab: the largest layer.
  std::int64_t slab_bytes() const { return layers_.slab_bytes(); }
  int slabs() const { return slabs_; }

 private:
  void begin(StreamObserver* observer);

  StreamedLayers layers_;
  int slabs_;
  std::unique_ptr<LayerFetch> fetch_;  ///< null if all layers are resident
  std::int64_t turn_ = 0;              ///< that computes next or now
  bool between_passes_ = true;         ///< no pass is announced
};

}  // namespace chitu::memory
