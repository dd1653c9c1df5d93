#pragma once

#include <ATen/core/Tensor.h>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/memory/module.h"
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

/// Brings the layers of a module to a device one after another, while earlier
/// ones compute.
///
/// A layer's weights lie packed in one aligned slab. There are as many slabs as
/// `slots`, taken once and used for ever; a thread fills the next free one from
/// the checkpoint and casts as bind_weights does, so that a streamed weight has
/// the bits and the alignment of a resident one. Where the device is not the
/// host, that thread fills slabs of the host and a second one copies these
/// over, so that disk, copy and arithmetic go on side by side. The walk is
/// cyclic: behind the last layer comes the first of the next pass. Layers that are resident are
/// passed by. In a plan nothing is read and no thread runs.
class LayerStream final : public LayerObserver {
 public:
  using Layers = std::vector<std::pair<std::string, Module *>>;
  /// What has gone over to the device since the stream began.
  struct Traffic {
    std::int64_t layers = 0;
    std::int64_t bytes = 0;
  };

  /// layers    name in the source, and module; they and the source outlive the
  ///           stream
  /// resident  those that are bound already
  /// slots     slabs, 2 or more: one computes while the others fill
  /// throws    Error for a weight that is not contiguous; OutOfMemoryError
  LayerStream(Layers layers, const WeightSource &source, const WeightFormat &format,
              const SpreadLayers &resident = {}, int slots = 2);
  ~LayerStream() override;
  LayerStream(const LayerStream &) = delete;
  LayerStream &operator=(const LayerStream &) = delete;

  /// Says how many passes over all layers come: nothing is fetched beyond them,
  /// and what an unfinished walk has fetched is forgotten.
  void begin_passes(std::int64_t passes);

  /// Waits for the layer's slab and binds its parameters into it.
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
  /// One weight of a layer and its place in the slab.
  struct Piece {
    std::string name;
    Parameter *parameter;
    std::int64_t offset_bytes;
  };
  struct Layer {
    std::int64_t index;  ///< among all layers of the module
    std::vector<Piece> pieces{};
    std::int64_t bytes = 0;
  };
  struct Slot {
    at::Tensor slab;         ///< uint8
    std::int64_t turn = -1;  ///< which layer of the walk stands in it, counted over all passes
    bool ready = false;
  };

  /// Slabs that one thread fills in turn for whoever takes them.
  struct Stage {
    std::vector<Slot> slots{};
    std::int64_t filled = 0;  ///< turns that are filled

    Slot &of(std::int64_t turn) { return slots[static_cast<std::size_t>(turn) % slots.size()]; }
  };
  using Work = std::function<void(const Layer &, std::int64_t turn, Slot &)>;

  void plan_layer(std::int64_t index, const std::string &name, Module &module,
                  const WeightFormat &format);
  void make_slabs(Stage &stage, c10::Device device, int count) const;
  /// Fills the stage's slabs as they become free: those of turns before `taken`
  /// are. With a source, a turn waits for its slab there, and frees it.
  void start_threads();
  void fill(Stage &stage, const std::int64_t &taken, Stage *source, const Work &work);
  void read(const Layer &layer, const at::Tensor &slab) const;
  void copy_over(const Layer &layer, const at::Tensor &from, const at::Tensor &to) const;
  void bring_planned(const Layer &layer);
  at::Tensor piece_of(const at::Tensor &slab, const Piece &piece) const;
  const Layer &layer_of(std::int64_t turn) const {
    return layers_[static_cast<std::size_t>(turn) % layers_.size()];
  }

  const WeightSource &source_;
  c10::Device device_;
  const bool planned_;
  std::vector<bool> streamed_;  ///< of every layer of the module
  std::vector<Layer> layers_;   ///< those that are streamed
  std::int64_t slab_bytes_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Stage on_host_;  ///< without slabs where the device is the host
  Stage on_device_;
  std::int64_t computing_ = 0;  ///< turn that computes next or now
  std::int64_t last_turn_ = 0;  ///< turns that were announced
  int busy_ = 0;                ///< threads that are filling a slab
  bool stop_ = false;
  std::exception_ptr failure_;
  Traffic traffic_;
  std::vector<std::thread> threads_;
};

}  // namespace chitu::memory
