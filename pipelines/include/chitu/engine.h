#pragma once

#include <memory>
#include <string>
#include <vector>

#include "chitu/config.h"
#include "chitu/request.h"
#include "chitu/run_options.h"
#include "chitu/video.h"
#include "pipelines/model/engine_options.h"

namespace chitu {

/// The settings of an Engine without a Config. Fields that are not set have the defaults of the
/// command, and the keys of the groups `model`, `device`, `infer` and `memory` document them:
///
///     chitu::EngineOptions options{.ckpt_dir = "Wan2.1-T2V-1.3B-Diffusers"};
///     options.memory.low_mem_level.reset();  // auto
///     options.memory.vram_limit = chitu::MemoryLimit{.bytes = std::int64_t{6} << 30};
using pipelines::EngineOptions;

using memory::MemoryLimit;
using pipelines::StageInsertion;

/// A value that a stage reads.
struct InputPort {
  std::string value;  ///< its type: "Latents"
  std::string from;   ///< the stage that makes it; "input" for the request
};

/// A stage of a pipeline.
struct StageInfo {
  std::string name;                     ///< "decode_latents"
  std::vector<InputPort> inputs;        ///< in order
  std::string output;                   ///< the type of the value that it makes: "Frames"
  std::vector<std::string> components;  ///< whose weights it needs: "vae"
};

/// The stages of a pipeline, as a copy. Their names are those that model.stages takes.
struct PipelineInfo {
  std::vector<StageInfo> stages;  ///< in the order in which they run

  /// throws  InputError with the nearest names when there is none of this name
  const StageInfo& stage(const std::string& name) const;
};

/// One opened checkpoint that answers many requests.
///
///     auto config = chitu::compose({.overrides = {"infer.diffusion.low_mem_level=2"}});
///     chitu::Engine engine(config);
///     chitu::Video video = engine.generate({.prompt = "A cat"});
///     video.save("cat.mp4");
///
/// The same request gives the same bits, whatever the memory level.
///
/// Threads: members of one engine may be called from any thread; calls wait for each other.
/// Different engines work at the same time, each with the compute threads of its caller. All
/// engines of a process share one simulated device: its options are those of the engine that was
/// opened last.
class Engine {
 public:
  /// Reads configs and headers only. Weights are loaded by the first request that needs them, and
  /// stay as the memory level says.
  ///
  /// throws  ConfigError for a value that is missing or does not fit; InputError for a device or a
  ///         checkpoint that cannot work here
  explicit Engine(const Config& config);
  /// The same without a configuration.
  ///
  /// throws  InputError
  explicit Engine(const EngineOptions& options);
  ~Engine();  ///< frees all weights
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  /// Fills in empty fields and checks the request, without running it.
  ///
  /// throws  InputError naming the field, what was expected, and the nearest values that work
  Request complete(const Request& request) const;

  /// Runs the pipeline. With infer.threads, the calling thread computes with that many
  /// threads during the call; without it, with at::get_num_threads().
  ///
  /// throws  InputError as complete(), before the work begins; OutOfMemoryError; SystemLimitError;
  ///         Interrupted after a stop; Error when the result is not finite; what a callback threw.
  ///         The engine can be used again after any of these.
  Video generate(const Request& request, const RunOptions& options = {});

  /// Runs requests stage by stage: all prompts through the text encoder, then all latents through
  /// the transformer, then the VAE, so that each is loaded once, whatever the memory level. Every
  /// video has the bits that generate() gives it. The frames of all of them are in memory at the
  /// end: give a long list in parts.
  ///
  /// returns  a result for each request, in order. One that fails does not stop the others
  /// throws   InputError naming the request by its index, before the work begins; Interrupted after
  ///          a stop; OutOfMemoryError if no plan fits; SystemLimitError; what a callback threw
  std::vector<BatchResult> generate_batch(const std::vector<Request>& requests,
                                          const BatchOptions& options = {});

  /// The stages of the pipeline, with the inserted ones.
  PipelineInfo pipeline() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chitu
