#include "chitu_core/memory/component.h"

#include <spdlog/logger.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/log.h"

namespace chitu::memory {

Component::Component(std::string name, std::shared_ptr<Module> module,
                     std::shared_ptr<const io::Checkpoint> checkpoint)
    : name_(std::move(name)), module_(std::move(module)), checkpoint_(std::move(checkpoint)) {
  check_weights(*module_, *checkpoint_);
}

void Component::onload(const WeightFormat& format) {
  if (onloaded_ && format == format_) return;
  offload();
  with_context("onload " + name_, [&] { bind_weights(*module_, *checkpoint_, format); });
  format_ = format;
  onloaded_ = true;
  logger("memory")->info("{}: {:.1f} MiB of {} weights on {}", name_,
                         static_cast<double>(module_->bound_bytes()) / (1 << 20),
                         c10::toString(format.dtype), format.device.str());
}

void Component::offload() noexcept {
  if (!onloaded_) return;
  module_->unbind();
  onloaded_ = false;
}

}  // namespace chitu::memory
