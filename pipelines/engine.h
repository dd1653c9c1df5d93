#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "chitu_core/graph/events.h"
#include "pipelines/batch/batch.h"
#include "pipelines/batch/frames_batch.h"
#include "pipelines/forecast/plan_choice.h"
#include "pipelines/model/engine_options.h"
#include "pipelines/model/model_identity.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// One opened checkpoint that answers requests. The public C++ API.
///
///     chitu::pipelines::Engine engine({.ckpt_dir = "Wan2.1-T2V-1.3B-Diffusers"});
///     auto request = engine.complete({.prompt = "a cat walks on the grass"});
///     auto files = engine.generate(request, {.dir = "out"});
///
/// The same request gives the same bytes, whatever the memory level. A request with other LoRAs
/// than the one before opens the checkpoint again: what was loaded is freed. Not for use from two
/// threads at once.
///
/// An engine computes with the threads of the process, at::get_num_threads(), and never sets them.
/// Call device::use_compute_threads() before the first request to choose their number, or
/// device::start_compute_threads() to get a SystemLimitError where the system has too few: OpenMP
/// would end the process.
class Engine {
 public:
  /// Reads configs and headers only; weights are loaded by the first request that needs them.
  ///
  /// throws  InputError for options or a checkpoint that cannot work on this machine
  explicit Engine(const EngineOptions& options);
  ~Engine();
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  /// Fills in empty fields and checks the request, its LoRAs included.
  ///
  /// throws  InputError naming the field, what was expected, and the nearest values that work
  Request complete(const PartialRequest& partial) const;

  struct RunOptions {
    std::vector<graph::Observer*> observers;
    std::stop_token stop;
    std::filesystem::path dump_tensors;  ///< safetensors file for comparison; empty = none
    /// Told that the latents are on disk and decoding begins; may be empty. See generate().
    std::function<void(const std::filesystem::path& latents)> latents_kept{};
  };
  /// Runs the pipeline and writes the media into `output.dir`. Returns the files, the media first.
  /// Without a folder nothing is saved; that is useful with a dump or an observer.
  ///
  /// While frames are decoded and saved, the latents are in `output.dir`/latents.safetensors. They
  /// stay there when that fails; decode() finishes the run.
  ///
  /// throws  InputError (exit code 2) for an output that cannot be written, before the work begins;
  ///         SideOutputError (2) if the media are saved and a file beside them is not;
  ///         OutOfMemoryError (3), Interrupted (130), Error
  std::vector<std::filesystem::path> generate(const Request& request, const Output& output,
                                              const RunOptions& options);
  std::vector<std::filesystem::path> generate(const Request& request, const Output& output) {
    return generate(request, output, RunOptions{});
  }

  /// Runs one window of a batch stage by stage: all prompts through the text encoder, then all
  /// latents through the transformer, then the decoder, each component loaded once. Values wait for
  /// the next stage in options.spill_dir. Every result has the bits that generate() gives it.
  ///
  /// A request that fails is reported to the observer and does not stop the others. So is one whose
  /// output cannot be written, which is checked before each of these parts.
  ///
  /// throws  InputError before the work begins, for latents that are not of this model and request,
  ///         or values that do not fit options.spill_limit_bytes; InputError when spill_dir can no
  ///         longer be written; OutOfMemoryError if no plan fits; Interrupted; what an observer
  ///         throws
  BatchEnd generate_batch(std::span<const BatchItem> items, const BatchOptions& options,
                          BatchObserver& observer);

  /// The same up to the frames, which are given to options.made. Nothing is written; what waits for
  /// the next stage is in memory.
  ///
  /// requests  complete and checked
  /// throws    InputError for a size below 1; OutOfMemoryError if no plan fits; Interrupted; what
  ///           a callback throws
  void make_frames_batch(std::span<const Request> requests, const FramesBatchOptions& options);

  /// Decodes latents that a run or a batch has kept, and saves the media as generate() does.
  ///
  /// throws   InputError "<file>: <problem>" for a file that is not of this model or is damaged; as
  ///          generate()
  std::vector<std::filesystem::path> decode(const std::filesystem::path& latents,
                                            const Output& output, const RunOptions& options);
  /// The request that latents were kept for, checked against this model.
  ///
  /// throws  InputError as decode()
  Request latents_request(const std::filesystem::path& latents) const;
  /// As choose_plan(), for decode() alone.
  const memory::MemoryPlan& choose_decode_plan(const std::filesystem::path& latents);

  struct MadeFrames {
    graph::Frames frames;
    std::vector<std::string> problems;  ///< what could not be written beside them, and why
  };
  /// Runs the pipeline up to the frames and saves no media.
  ///
  /// throws  as generate(), but not SideOutputError
  MadeFrames make_frames(const Request& request, const RunOptions& options);

  /// With low_mem_level auto, a vram_limit or a host_limit: chooses a plan for this request from
  /// the memory that is free now. A generate() of the same request that follows uses this plan; any
  /// other chooses again. Otherwise: the plan of the options, which must fit if the memory of the
  /// device is declared. With a profile, the plan with the shortest predicted time.
  ///
  /// throws  OutOfMemoryError naming the lowest limit that would do
  const memory::MemoryPlan& choose_plan(const Request& request);
  /// How the plan was chosen; empty if the options name it.
  const std::optional<PlanChoice>& choice() const;

  /// The checkpoint by its content: whether two engines have the same.
  ///
  /// throws  InputError when a file cannot be read
  const ModelIdentity& identity() const;

  const graph::Graph& graph() const;
  const memory::MemoryPlan& plan() const;
  std::vector<const memory::Component*> components() const;

 private:
  struct Impl;
  using SaveWork = std::function<graph::SavedFiles(Job job, graph::Context& context)>;
  void take_plan(const Request& request);
  std::vector<std::filesystem::path> save(const Request& request, const Output& output,
                                          const RunOptions& options,
                                          const std::function<void()>& take, const SaveWork& work);
  std::unique_ptr<Impl> impl_;
};

}  // namespace chitu::pipelines
