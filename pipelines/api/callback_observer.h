#pragma once

#include <exception>

#include "chitu/run_options.h"
#include "chitu_core/graph/events.h"

namespace chitu::api {

/// Passes the events of a run to callbacks.
class CallbackObserver final : public graph::Observer {
 public:
  explicit CallbackObserver(const RunOptions& options) : options_(options) {}

  void stage_begin(std::string_view stage) override { call(options_.on_stage_begin, stage); }
  void stage_end(std::string_view stage) override { call(options_.on_stage_end, stage); }
  void latents_changed(int index, int count, const at::Tensor& latents) override {
    call(options_.on_step, Step{index, count, latents});
  }

  /// Throws again what a callback threw, if one did.
  void rethrow_failure() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void call(const auto& callback, const auto& event) {
    if (!callback) return;
    try {
      callback(event);
    } catch (...) {
      failure_ = std::current_exception();
      throw;
    }
  }

  const RunOptions& options_;
  std::exception_ptr failure_;
};

}  // namespace chitu::api
