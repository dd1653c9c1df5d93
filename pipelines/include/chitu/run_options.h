#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>

namespace at {
class Tensor;
}

namespace chitu {

class BatchResult;

/// A finished denoising step.
struct Step {
  int index;  ///< from 0
  int count;  ///< of all steps
  /// A preview of the result: [1, C, F, H, W] float32 on the device that computes, C the channels
  /// of the VAE, F and H, W a fraction of the video's (Wan: F = 1 + (frames - 1) / 4, H, W / 8). It
  /// is the tensor that the next step reads: do not write to it, and clone what you keep. It is not
  /// a picture: latents are not colours, and only the VAE of the checkpoint makes pictures of them.
  const at::Tensor& latents;
};

/// Options of Engine::generate(), in addition to the request.
///
/// Callbacks are called in order from the thread that called generate(), and the run waits for
/// them. They must not use the same engine. An exception that one throws ends the run and
/// leaves generate() unchanged. New fields are added at the end only.
struct RunOptions {
  /// Ends the run at the next layer, step or stage, with Interrupted. Take it from a
  /// std::stop_source, whose request_stop() may be called from any thread.
  std::stop_token stop{};
  std::function<void(std::string_view stage)> on_stage_begin{};
  std::function<void(std::string_view stage)> on_stage_end{};  ///< not for a stage that failed
  std::function<void(const Step& step)> on_step{};
};

/// What Engine::generate_batch() is told besides the requests.
///
/// Callbacks are called in order from the thread that called generate_batch(), and the batch waits
/// for them. They must not use the same engine. What they throw ends the batch and comes out of
/// generate_batch() as it is. Fields are added at the end alone.
struct BatchOptions {
  /// How many requests of like shape pass through the transformer together: its weights are copied
  /// to the device once for all of them, and their activations take memory at the same time. No bit
  /// of a result differs. Empty = batch.size of the configuration, 1 without one.
  std::optional<std::int64_t> size{};
  std::stop_token stop{};  ///< as RunOptions::stop
  /// Share of the work that is done, 0 to 1, after every step and every stage.
  std::function<void(double done)> on_progress{};
  /// A result is there: the video can be saved while the others are made. index as of the requests.
  std::function<void(std::size_t index, const BatchResult& result)> on_result{};
};

}  // namespace chitu
