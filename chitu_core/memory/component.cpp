#include "chitu_core/memory/component.h"

#include "chitu_core/common/error.h"
#include "chitu_core/device/errors.h"
#include "chitu_core/device/planning.h"

namespace chitu::memory {

Component::Component(std::string name, std::shared_ptr<Module> module,
                     std::shared_ptr<const WeightSource> source)
    : name_(std::move(name)), module_(std::move(module)), source_(std::move(source)) {
  source_->check(*module_);
}

std::int64_t Component::stored_bytes() const {
  std::int64_t bytes = 0;
  std::as_const(*module_).visit_parameters(
      [&](const std::string& name, const Parameter& parameter) {
        bytes += source_->stored_bytes(name, parameter);
      });
  return bytes;
}

bool Component::onload(const WeightFormat& format) {
  if (onloaded_ && !stream_ && format == format_) return false;
  offload();
  const device::PlannedPart part("weights of " + name_);
  with_context("onload " + name_,
               [&] { device::with_own_errors([&] { bind_weights(*module_, *source_, format); }); });
  format_ = format;
  return onloaded_ = true;
}

bool Component::onload_streamed(const WeightFormat& format, std::int64_t resident_layers) {
  if (onloaded_ && stream_ && format == format_ && resident_layers == resident_layers_)
    return false;
  offload();
  const device::PlannedPart part("weights of " + name_);
  const auto layers = module_->layers();
  const SpreadLayers resident{resident_layers, static_cast<std::int64_t>(layers.size())};
  with_context("onload " + name_, [&] {
    device::with_own_errors([&] {
      bind_outside_layers(*module_, *source_, format, resident);
      const device::PlannedPart slots("slots of layers");
      try {
        stream_ = std::make_unique<LayerStream>(layers, *source_, format, resident);
      } catch (...) {
        module_->unbind();
        throw;
      }
    });
  });
  format_ = format;
  resident_layers_ = resident_layers;
  return onloaded_ = true;
}

LayerObserver* Component::begin_passes(std::int64_t passes) {
  if (stream_) stream_->begin_passes(passes);
  return stream_.get();
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
