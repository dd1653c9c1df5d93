#include "chitu_core/memory/layer_stream.h"

#include <fmt/format.h>

#include "chitu_core/common/error.h"

namespace chitu::memory {

LayerStream::LayerStream(const Layers& layers, const WeightSource& source, c10::Device device,
                         const StreamOptions& options)
    : layers_(layers, options.resident_layers), slabs_(layers_.empty() ? 0 : options.slabs) {
  if (!layers_.empty()) fetch_ = make_layer_fetch(layers_, source, device, options);
}

LayerStream::~LayerStream() {
  fetch_.reset();
  layers_.unbind();
}

void LayerStream::begin_passes(std::int64_t passes, StreamObserver* observer) {
  end_passes();
  layers_.announce_all(passes);
  begin(observer);
}

void LayerStream::begin_partial_passes(std::int64_t most_passes, StreamObserver* observer) {
  end_passes();
  layers_.announce_later(most_passes);
  begin(observer);
}

void LayerStream::begin(StreamObserver* observer) {
  turn_ = 0;
  between_passes_ = false;
  if (fetch_) fetch_->begin(observer);
}

void LayerStream::announce_pass(const LayerRange& layers) {
  layers_.announce(layers);
  if (fetch_) fetch_->extend();
}

void LayerStream::end_passes() noexcept {
  between_passes_ = true;
  if (fetch_) fetch_->end();
}

void LayerStream::before_layer(std::int64_t index) {
  if (!layers_.contains(index)) return;
  if (between_passes_ || turn_ >= layers_.layer_turns() || layers_.layer(turn_).index() != index)
    throw Error(fmt::format("layer {} was not announced to the stream of weights", index));
  fetch_->bind(turn_);
}

void LayerStream::after_layer(std::int64_t index) {
  if (layers_.contains(index)) fetch_->release(turn_++);
}

LayerStream::Traffic LayerStream::traffic() const { return fetch_ ? fetch_->traffic() : Traffic{}; }

}  // namespace chitu::memory
