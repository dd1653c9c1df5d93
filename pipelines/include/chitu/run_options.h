#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string_view>

namespace at {
class Tensor;
}

namespace chitu {

/// A denoising step that is done.
struct Step {
  int index;  ///< from 0
  int count;  ///< of all steps
  /// A preview of the result: [1, C, F, H, W] float32 on the device that computes, C the channels
  /// of the VAE, F and H, W a fraction of the video's (Wan: F = 1 + (frames - 1) / 4, H, W / 8). It
  /// is the tensor that the next step reads: do not write to it, and clone what you keep. It is no
  /// picture: latents are not colours, and only the VAE of the checkpoint turns them into some.
  const at::Tensor& latents;
};

/// What Engine::generate() is told besides the request.
///
/// Callbacks are called in order from the thread that called generate(), and the run waits for
/// them. They must not use the same engine. What they throw ends the run and comes out of
/// generate() as it is. Fields are added at the end alone.
struct RunOptions {
  /// Ends the run at the next layer, step or stage, with Interrupted. Take it from a
  /// std::stop_source, whose request_stop() may be called from any thread.
  std::stop_token stop{};
  std::function<void(std::string_view stage)> on_stage_begin{};
  std::function<void(std::string_view stage)> on_stage_end{};  ///< not for a stage that failed
  std::function<void(const Step& step)> on_step{};
};

}  // namespace chitu
