#include "chitu_core/memory/component.h"

#include "chitu_core/common/error.h"
#include "chitu_core/device/errors.h"

namespace chitu::memory {

Component::Component(std::string name, std::shared_ptr<Module> module,
                     std::shared_ptr<const io::Checkpoint> checkpoint)
    : name_(std::move(name)), module_(std::move(module)), checkpoint_(std::move(checkpoint)) {
  check_weights(*module_, *checkpoint_);
}

void Component::onload(const WeightFormat& format) {
  if (onloaded_ && !stream_ && format == format_) return;
  offload();
  with_context("onload " + name_, [&] {
    device::with_own_errors([&] { bind_weights(*module_, *checkpoint_, format); });
  });
  format_ = format;
  onloaded_ = true;
}

void Component::onload_streamed(const WeightFormat& format) {
  if (onloaded_ && stream_ && format == format_) return;
  offload();
  with_context("onload " + name_, [&] {
    device::with_own_errors([&] {
      bind_outside_layers(*module_, *checkpoint_, format);
      try {
        stream_ = std::make_unique<LayerStream>(module_->layers(), *checkpoint_, format);
      } catch (...) {
        module_->unbind();
        throw;
      }
    });
  });
  format_ = format;
  onloaded_ = true;
}

LayerObserver* Component::begin_passes(std::int64_t passes, StreamObserver* observer) {
  if (stream_) stream_->begin_passes(passes, observer);
  return stream_.get();
}

void Component::end_passes() noexcept {
  if (stream_) stream_->end_passes();
}

LayerStream::Traffic Component::traffic() const {
  if (!stream_) return before_;
  const auto now = stream_->traffic();
  return {before_.layers + now.layers, before_.bytes + now.bytes};
}

void Component::offload() noexcept {
  if (!onloaded_) return;
  before_ = traffic();
  stream_.reset();
  module_->unbind();
  onloaded_ = false;
}

}  // namespace chitu::memory
