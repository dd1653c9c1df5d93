#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "chitu_core/device/planned_repeats.h"
#include "chitu_core/memory/stream/layer_layout.h"
#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/memory/module.h"
#include "chitu_core/memory/stream_observer.h"
#include "chitu_core/memory/weight_source.h"
#include "chitu_core/memory/weights.h"

namespace chitu::memory {

/// Which layers stay on the device when `count` of `layers` do: spread evenly, so that every layer
/// that is brought over has as much computing before it as can be.
struct SpreadLayers {
  std::int64_t count = 0, layers = 0;
  bool operator()(std::int64_t index) const {
    return count > 0 && (index + 1) * count / layers > index * count / layers;
  }
};

/// How a component's layers are streamed.
struct StreamOptions {
  std::int64_t resident_layers = 0;  ///< stay on the device
  int slots = 2;                     ///< slabs, 2 or more: one computes while the others fill
  bool pin_memory = true;            ///< slabs of the host are pinned
  bool operator==(const StreamOptions&) const = default;
};

/// Brings the layers of a module to a device one after another, while earlier
/// ones compute.
///
/// A layer's weights lie packed in one aligned slab. There are as many slabs as
/// `slots`, taken once and used for ever; a thread fills the next free one from
/// the checkpoint and casts as bind_weights does, so that a streamed weight has
/// the bits and the alignment of a resident one. Where the device is not the
/// host, that thread fills two buffers of the host in turn, each with a chunk of a
/// layer, pinned where the device has such memory, and a second one has them
/// copied over on a stream of the device's own, so that disk, copy and arithmetic
/// go on side by side. Copies and arithmetic wait for each other by events in the
/// device's queues: the thread that computes waits until a copy is queued, never
/// until it is made. The walk is cyclic: behind the last layer comes the first of
/// the next pass. Layers that are resident are passed by. In a plan nothing is
/// read and no thread runs.
class LayerStream final : public LayerObserver {
 public:
  using Layers = std::vector<std::pair<std::string, Module*>>;
  /// What has gone over to the device, or is on its way, since the stream began.
  struct Traffic {
    std::int64_t layers = 0;
    std::int64_t bytes = 0;
  };

  /// layers  name in the source, and module; they and the source outlive the
  ///         stream; their dtypes are set (set_dtypes). Those that are resident are
  ///         bound already
  /// throws  Error for a weight that is not contiguous; OutOfMemoryError; SystemLimitError
  LayerStream(Layers layers, const WeightSource& source, c10::Device device,
              const StreamOptions& options)
      : LayerStream(Passive{}, std::move(layers), source, device, options) {
    start_threads();  // the destructor ends those that did start
  }
  ~LayerStream() override;
  LayerStream(const LayerStream&) = delete;
  LayerStream& operator=(const LayerStream&) = delete;

  /// Says how many passes over all layers come: nothing is fetched beyond them,
  /// and what an unfinished walk has fetched is forgotten. The observer, if any,
  /// is told what is done for them until end_passes().
  void begin_passes(std::int64_t passes, StreamObserver* observer = nullptr);
  void end_passes() noexcept;

  /// Has the device's current stream wait for the layer's slab, and binds the layer's parameters
  /// into it. On the host it is this call that waits.
  ///
  /// throws  Error when layers are walked out of order or more often than was
  /// said; what failed
  ///         while fetching
  void before_layer(std::int64_t index) override;
  void after_layer(std::int64_t index) override;

  Traffic traffic() const;
  /// Bytes of one slab: the largest layer.
  std::int64_t slab_bytes() const { return slab_bytes_; }
  int slots() const { return static_cast<int>(on_device_.slots.size()); }

 private:
  struct Slot {
    at::Tensor bytes;        ///< uint8
    std::int64_t turn = -1;  ///< whose bytes stand in it
    bool ready = false;      ///< filled, or on a device of its own: the copies are queued
    /// Of such a device: the copies into it were made; what reads it is done.
    std::optional<c10::Event> filled{}, free{};
  };

  /// Slots that one thread fills in turn for whoever takes them: layers on the device, chunks of
  /// them on the host.
  struct Stage {
    std::vector<Slot> slots{};
    std::int64_t announced = 0;  ///< turns in all
    std::int64_t filled = 0;     ///< turns that are filled, or on their way
    std::int64_t emptied = 0;    ///< turns whose slots are free again

    Slot& of(std::int64_t turn) { return slots[static_cast<std::size_t>(turn) % slots.size()]; }
    bool has_room() const { return filled - emptied < static_cast<std::int64_t>(slots.size()); }
  };

  /// The model's wait for a layer, measured in the device's own queue.
  struct Stall {
    std::int64_t turn;
    StreamEvent::Clock::time_point begin;
    c10::Event from, to;
  };

  struct Chunk {
    const LayerLayout* layer;
    const LayerChunk* part;
  };

  /// Chooses the constructor that starts no thread.
  struct Passive {};
  LayerStream(Passive, Layers layers, const WeightSource& source, c10::Device device,
              const StreamOptions& options);
  void make_slots(const StreamOptions& options);
  at::Tensor host_memory(std::int64_t bytes, bool pinned);
  void start_threads();
  /// The life of a thread that fills a stage: turn after turn, as soon as there is room for it and
  /// `is_fed` says so.
  void work_off(Stage& stage, const std::function<bool()>& is_fed,
                const std::function<void(std::int64_t)>& work);
  void read_layer(std::int64_t turn);
  void read_chunk(std::int64_t turn);
  void copy_layer(std::int64_t turn);
  bool wait_for_chunk(std::int64_t turn);
  void copy_chunk(const LayerChunk& chunk, const at::Tensor& from, const at::Tensor& slab) const;
  void bring_planned(const LayerLayout& layer);
  void read_planned(const LayerLayout& layer);
  void bind(const LayerLayout& layer, const at::Tensor& slab) const;
  void wait_for_device() noexcept;
  c10::Stream compute_stream() const;
  // With the lock held:
  void settle(std::unique_lock<std::mutex>& lock) noexcept;
  void hand_over(Stage& stage, std::int64_t turn);
  void count_brought(const LayerLayout& layer);
  void wait_in_queue(std::int64_t turn, StreamEvent::Clock::time_point begin,
                     std::optional<c10::Event> from, std::unique_lock<std::mutex>& lock);
  /// Tells the observer of the stalls that are over.
  void tell_stalls() noexcept;
  /// Tells the observer what was done until now with so many bytes of a layer.
  void tell(StreamEvent::Kind kind, const LayerLayout& layer, std::int64_t bytes,
            StreamEvent::Clock::time_point begin);
  const LayerLayout& layer_of(std::int64_t turn) const {
    return layers_[static_cast<std::size_t>(turn) % layers_.size()];
  }
  const Chunk& chunk_of(std::int64_t turn) const {
    return chunks_[static_cast<std::size_t>(turn) % chunks_.size()];
  }

  const WeightSource& source_;
  c10::Device device_;
  const bool planned_;
  std::vector<bool> streamed_;       ///< of every layer of the module
  std::vector<LayerLayout> layers_;  ///< those that are streamed
  std::vector<Chunk> chunks_;        ///< all of theirs, in order
  std::int64_t slab_bytes_ = 0;
  bool pinned_ = false;                       ///< the memory of the host
  std::optional<c10::Stream> copy_stream_{};  ///< where the device is not the host

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Stage on_host_;    ///< of chunks; without slots where the device is the host
  Stage on_device_;  ///< of layers; emptied: the turn that computes next or now
  int busy_ = 0;     ///< threads that are filling a slot
  bool stop_ = false;
  std::exception_ptr failure_;
  Traffic traffic_;
  StreamObserver* observer_ = nullptr;
  device::PlannedRepeats brought_;  ///< in a plan: the layers, by their places among the streamed
  std::deque<Stall> stalls_;        ///< that are not known to be over
  std::vector<std::jthread> threads_;
};

}  // namespace chitu::memory
