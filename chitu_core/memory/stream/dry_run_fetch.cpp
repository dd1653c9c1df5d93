#include "chitu_core/device/dry_run_repeats.h"
#include "chitu_core/memory/stream/layer_fetch.h"
#include "chitu_core/memory/stream/stream_buffers.h"

namespace chitu::memory {
namespace {

/// Allocates what a real fetch allocates, and counts its reads and copies. Starts no thread: a
/// layer is counted when the model asks for it.
class DryRunFetch final : public LayerFetch {
 public:
  DryRunFetch(const StreamedLayers& layers, const WeightSource& source, c10::Device device,
              const StreamOptions& options)
      : layers_(layers), source_(source), slabs_(allocate_slabs(layers, device, options)) {
    if (!device::is_host(device)) chunks_ = ChunkBuffers::allocate(layers, device, options);
  }

  void begin(StreamObserver* observer) override { report_.set_observer(observer); }
  void extend() override {}
  void end() noexcept override { report_.set_observer(nullptr); }

  /// A layer stays bound to its first slab: all slabs are alike, and making views takes time.
  void bind(std::int64_t turn) override {
    const LayerLayout& layer = layers_.layer(turn);
    const at::Tensor& slab = slabs_[static_cast<std::size_t>(turn) % slabs_.size()];
    const auto begin = StreamEvent::Clock::now();
    fetched_.run({layer.index()}, [&] { fetch(layer, slab); });
    report_.count(layer);
    report_.tell(StreamEvent::Kind::wait, layer, layer.bytes(), begin);
    if (!layer.is_bound()) layer.bind(slab);
  }
  void release(std::int64_t) override {}

  StreamTraffic traffic() const override { return report_.traffic(); }

 private:
  void fetch(const LayerLayout& layer, const at::Tensor& slab) const {
    if (chunks_.buffers.empty()) return layer.read(source_, slab);
    const at::Tensor& buffer = chunks_.buffers.front();
    for (const LayerChunk& chunk : layer.chunks()) {
      layer.read(chunk, source_, buffer);
      chunks_.copy(chunk, buffer, slab);
    }
  }

  const StreamedLayers& layers_;
  const WeightSource& source_;
  std::vector<at::Tensor> slabs_;
  ChunkBuffers chunks_;  ///< none if the device is the host
  StreamReport report_;
  device::DryRunRepeats fetched_;  ///< the kind is the layer's index
};

}  // namespace

std::unique_ptr<LayerFetch> make_dry_run_fetch(const StreamedLayers& layers,
                                               const WeightSource& source, c10::Device device,
                                               const StreamOptions& options) {
  return std::make_unique<DryRunFetch>(layers, source, device, options);
}

}  // namespace chitu::memory
