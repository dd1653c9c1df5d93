#include "chitu_core/memory/stream/buffer_ring.h"
#include "chitu_core/memory/stream/fetch_threads.h"
#include "chitu_core/memory/stream/layer_fetch.h"
#include "chitu_core/memory/stream/stream_buffers.h"

namespace chitu::memory {
namespace {

/// The device is the host: one thread reads layers straight into the slabs.
class HostFetch final : public LayerFetch {
 public:
  HostFetch(const StreamedLayers& layers, const WeightSource& source, c10::Device device,
            const StreamOptions& options)
      : layers_(layers),
        source_(source),
        slabs_(allocate_slabs(layers, device, options)),
        threads_(source) {
    threads_.start(slabs_, [] { return true; }, [this](std::int64_t turn) { read_layer(turn); });
  }

  void begin(StreamObserver* observer) override {
    auto lock = threads_.lock();
    threads_.cancel(lock);
    threads_.clear_failure();
    report_.set_observer(observer);
    slabs_.restart(layers_.layer_turns());
    threads_.notify();
  }
  void extend() override {
    const auto lock = threads_.lock();
    slabs_.extend(layers_.layer_turns());
    threads_.notify();
  }
  void end() noexcept override {
    auto lock = threads_.lock();
    threads_.cancel(lock);
    report_.set_observer(nullptr);
  }

  void bind(std::int64_t turn) override {
    auto lock = threads_.lock();
    const auto begin = StreamEvent::Clock::now();
    threads_.wait(lock, [&] { return slabs_.is_ready(turn); });
    const LayerLayout& layer = layers_.layer(turn);
    report_.tell(StreamEvent::Kind::wait, layer, layer.bytes(), begin);
    layer.bind(slabs_.of(turn).bytes);
  }
  void release(std::int64_t turn) override {
    const auto lock = threads_.lock();
    layers_.layer(turn).unbind();
    slabs_.set_emptied();
    threads_.notify();
  }

  StreamTraffic traffic() const override {
    const auto lock = threads_.lock();
    return report_.traffic();
  }

 private:
  void read_layer(std::int64_t turn) {
    const auto begin = StreamEvent::Clock::now();
    const LayerLayout& layer = layers_.layer(turn);
    layer.read(source_, slabs_.of(turn).bytes);
    const auto lock = threads_.lock();
    report_.tell(StreamEvent::Kind::disk_read, layer, layer.bytes(), begin);
    report_.count(layer);
    slabs_.set_filled(turn);
    threads_.notify();
  }

  const StreamedLayers& layers_;
  const WeightSource& source_;
  BufferRing slabs_;
  StreamReport report_;
  FetchThreads threads_;  // the last member: they end before what they use is destroyed
};

}  // namespace

std::unique_ptr<LayerFetch> make_host_fetch(const StreamedLayers& layers,
                                            const WeightSource& source, c10::Device device,
                                            const StreamOptions& options) {
  return std::make_unique<HostFetch>(layers, source, device, options);
}

}  // namespace chitu::memory
