#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "chitu_core/graph/graph.h"
#include "chitu_core/graph/values.h"
#include "chitu_core/memory/plan.h"
#include "chitu_core/parallel/options.h"
#include "pipelines/model/lora_choice.h"
#include "pipelines/model/model_folder.h"
#include "pipelines/model/request.h"
#include "pipelines/model/stage_insertion.h"

namespace chitu::pipelines {

struct ComponentDescription;
class PipelineFamily;

/// A request as input of a graph: what to generate, and where to save it.
struct Job {
  static constexpr std::string_view value_name = "Job";
  Request request;
  Output output{};
  bool longest_prompts = false;  ///< assume prompts that fill the sequence: for dry runs
};

/// The sizes that a pipeline supports: multiples of a step up to a maximum. Frames count from the
/// first.
struct SizeSteps {
  std::int64_t width = 16, height = 16, most_width = 0, most_height = 0;
  std::int64_t first_frames = 1, frames = 4, most_frames = 1;
};

/// One checkpoint, opened: its components, and the stages that turn a job into files.
class Pipeline {
 public:
  virtual ~Pipeline() = default;
  virtual const graph::Graph& graph() const = 0;
  virtual std::vector<memory::Component*> components() const = 0;
  virtual RequestDefaults request_defaults() const = 0;

  /// throws  InputError naming the field of the request that this model does not support, and the
  ///         nearest values that it does
  virtual void check(const Request& request) const = 0;
  virtual SizeSteps size_steps() const = 0;
  /// Of the latents of a request: [B, C, F, H, W].
  virtual std::vector<std::int64_t> latents_shape(const Request& request) const = 0;

  /// Of the graph: the SavedFiles that a run makes, and the Frames, where a dry run ends.
  virtual std::size_t result_slot() const = 0;
  virtual std::size_t frames_slot() const = 0;

  graph::SavedFiles run(Job job, graph::Context& context) const;
  /// Runs the stages up to the frames.
  graph::Frames make_frames(Job job, graph::Context& context) const;

  /// Layers of the transformer that streaming can load one by one.
  virtual std::int64_t transformer_layers() const = 0;

  /// The share of the decoder's positions that exact tiles compute more than once; 0 without tiles.
  virtual double recomputed_share(const Request& request, const memory::MemoryPlan& plan) const = 0;

  /// The same pipeline with weights that have sizes only.
  virtual std::unique_ptr<Pipeline> for_plan() const = 0;
};

/// Checks that every weight of a pipeline belongs to exactly one component that the graph manages.
///
/// described  the family's description, from which memory plans are made
/// throws     Error naming a component that is not described, that no stage uses, that shares its
///            name or a parameter with another, or that a stage uses without the pipeline listing
///            it: its weights would never be freed
void check_components(const Pipeline& pipeline,
                      const std::vector<memory::ComponentRole>& described);

/// Fills in empty fields and checks the request. Reads its pictures.
///
/// throws  InputError as Pipeline::check(), and for a picture that cannot be read
Request complete(const Pipeline& pipeline, const PartialRequest& partial);

/// The user's settings of the models, for any checkpoint.
struct ModelChoices {
  std::string attn_type = "auto";  ///< an attention backend, or auto
  c10::Device device = c10::kCPU;  ///< where the transformer computes
  /// The split of the transformer's attention between ranks: a parallel::AttentionScheme.
  std::string context_parallel = "none";
  parallel::ParallelOptions parallel{};  ///< the ranks that share a generation
  /// For dry runs: weights have sizes only. If the checkpoint has no weights or no tokenizer, its
  /// configs are enough.
  bool for_plan = false;
  std::filesystem::path prompt_cache{};  ///< folder of a PromptCache; empty = none
  std::string scheduler{};               ///< a SchedulerClass; empty = the checkpoint's
  std::vector<StageInsertion> stages{};  ///< that the program adds to the graph
  LoraChoices loras{};                   ///< that change the transformers' weights
  ModelFiles files{};                    ///< instead of those in the checkpoint's folder
  ModelDefaults defaults{};              ///< of requests, before those of the checkpoint
  bool operator==(const ModelChoices&) const = default;
};

/// Opens a checkpoint with the family that its model_index.json names.
///
/// throws  InputError for a folder that is no checkpoint, or of an unknown family; Error as
///         check_components()
std::unique_ptr<Pipeline> open_pipeline(const std::filesystem::path& ckpt_dir,
                                        const ModelChoices& choices);

/// The components of a checkpoint, as its family describes them; opens none.
///
/// throws  InputError for a folder that is no checkpoint, or of an unknown family
std::vector<memory::ComponentRole> components_of(const std::filesystem::path& ckpt_dir);

/// The family of a checkpoint.
///
/// throws  InputError for one that is unknown, with the known ones
const PipelineFamily& family_of(const ModelFolder& folder);

/// Opens checkpoints whose model_index.json names one pipeline class. Registered under that name.
class PipelineFamily {
 public:
  virtual ~PipelineFamily() = default;
  /// The components of a checkpoint and their roles, in the order of reports.
  virtual std::vector<memory::ComponentRole> components(const ModelFolder& folder) const = 0;
  /// The same with what reads and names their weights, for work on the files: `chitu convert`.
  /// Empty: the family does not support that.
  virtual std::vector<ComponentDescription> descriptions(const ModelFolder& folder) const;
  /// Reads and checks all configs and headers; reads no weights.
  ///
  /// throws  InputError for any file of the folder that is missing, damaged or not supported
  virtual std::unique_ptr<Pipeline> open(const ModelFolder& folder,
                                         const ModelChoices& choices) const = 0;
};

}  // namespace chitu::pipelines
