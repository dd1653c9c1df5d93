#include "chitu_core/memory/component.h"

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/errors.h"
#include "chitu_core/memory/one_copy_weights.h"
#include "chitu_core/memory/ownership.h"

namespace chitu::memory {

Component::Component(std::string name, std::shared_ptr<Module> module,
                     std::shared_ptr<const WeightSource> source)
    : name_(std::move(name)), module_(std::move(module)), source_(std::move(source)) {
  with_context("component " + name_, [&] { check_ownership(*module_); });
  source_->check(*module_);
}

void Component::share_host_memory(const std::shared_ptr<device::SharedHostMemory>& memory) {
  if (memory) source_ = std::make_shared<const OneCopyWeights>(source_, memory);
}

std::shared_ptr<const WeightSource> Component::nearest_source(const WeightFormat& format,
                                                              bool streamed) {
  if (!format.rests_on_host) on_host_.reset();
  if (!format.rests_on_host || device::is_host(format.device)) return source_;
  using Keeps = HostWeights::Keeps;
  // The copy has the dtype of the format it was read for; and a share of it, the rows of that way
  // of loading.
  if (!on_host_ || format.dtype != format_.dtype || format.stored != format_.stored ||
      (readers_ && streamed != streamed_to_host_))
    on_host_ =
        std::make_shared<const HostWeights>(source_, readers_ ? Keeps::rows : Keeps::weights);
  streamed_to_host_ = streamed;
  return on_host_;
}

const WeightSource& Component::source_for(const WeightFormat& format, bool streamed) {
  auto nearest = nearest_source(format, streamed);
  if (!readers_) return *nearest;
  shared_ = std::make_unique<const SharedWeights>(std::move(nearest), readers_);
  return *shared_;
}

std::int64_t Component::bytes_in(const WeightFormat& format) const {
  if (onloaded_) throw Error("the dtypes of " + name_ + " are in use");
  set_dtypes(*module_, *source_, format);
  std::int64_t bytes = 0;
  module_->visit_parameters(
      [&](const std::string&, const Parameter& parameter) { bytes += parameter.stored_bytes(); });
  return bytes;
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
  const device::DryRunPart part("weights of " + name_);
  with_context("onload " + name_, [&] {
    device::with_own_errors([&] { bind_weights(*module_, source_for(format, false), format); });
  });
  format_ = format;
  return onloaded_ = true;
}

bool Component::onload_streamed(const WeightFormat& format, const StreamOptions& options) {
  if (onloaded_ && stream_ && format == format_ && options == stream_options_) return false;
  offload();
  const device::DryRunPart part("weights of " + name_);
  const auto layers = module_->layers();
  const SpreadLayers resident{options.resident_layers, static_cast<std::int64_t>(layers.size())};
  with_context("onload " + name_, [&] {
    device::with_own_errors([&] {
      const WeightSource& source = source_for(format, true);
      bind_outside_layers(*module_, source, format, resident);
      const device::DryRunPart slabs("slabs of layers");
      try {
        stream_ = std::make_unique<LayerStream>(layers, source, format.device, options);
      } catch (...) {
        module_->unbind();
        throw;
      }
    });
  });
  format_ = format;
  stream_options_ = options;
  return onloaded_ = true;
}

LayerObserver* Component::begin_passes(std::int64_t passes, StreamObserver* observer) {
  if (stream_) stream_->begin_passes(passes, observer);
  return stream_.get();
}

LayerObserver* Component::begin_partial_passes(std::int64_t most_passes, StreamObserver* observer) {
  if (stream_) stream_->begin_partial_passes(most_passes, observer);
  return stream_.get();
}

void Component::announce_pass(const LayerRange& layers) {
  if (stream_) stream_->announce_pass(layers);
}

void Component::end_passes() noexcept {
  if (stream_) stream_->end_passes();
}

LayerStream::Traffic Component::traffic() const {
  if (!stream_) return before_;
  const auto now = stream_->traffic();
  return {before_.layers + now.layers, before_.bytes + now.bytes};
}

void Component::forget() noexcept {
  offload();
  on_host_.reset();
}

void Component::offload() noexcept {
  if (!onloaded_) return;
  before_ = traffic();
  stream_.reset();
  module_->unbind();
  onloaded_ = false;
}

}  // namespace chitu::memory
