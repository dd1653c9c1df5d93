#include "pipelines/model/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/graph/execution.h"
#include "pipelines/model/checkpoint_files.h"
#include "pipelines/model/component_set.h"
#include "pipelines/model/lora_layers.h"
#include "pipelines/pictures/request_picture.h"

namespace chitu::pipelines {

namespace {

/// Components by name.
std::map<std::string, const memory::Component*> listed_components(
    const Pipeline& pipeline, const std::vector<memory::ComponentRole>& described) {
  const auto plan = memory::make_plan({}, {.components = described});
  std::map<std::string, const memory::Component*> listed;
  for (const memory::Component* component : pipeline.components()) {
    plan.component(component->name());  // throws if the plan has no such component
    if (!listed.emplace(component->name(), component).second)
      throw Error("two components are named " + component->name());
  }
  return listed;
}

}  // namespace

const PipelineFamily& family_of(const ModelFolder& folder) {
  const auto& families = Registry<PipelineFamily>::instance();
  if (const PipelineFamily* family = families.find(folder.class_name)) return *family;
  throw InputError(fmt::format("{}: _class_name: {} is not supported, {}",
                               (folder.path / kModelIndex).string(), folder.class_name,
                               expected_one_of(folder.class_name, families.names())));
}

std::vector<ComponentDescription> PipelineFamily::descriptions(const ModelFolder&) const {
  return {};
}

namespace {

/// Does the work; an error about a folder that is incomplete says what it lacks.
template <class Work>
auto about_missing(const ModelFolder& folder, CheckpointUse use, const Work& work) {
  try {
    return work();
  } catch (const InputError& error) {
    // A download is no advice for one who gives files.
    const auto missing =
        folder.files.empty() ? missing_files(folder, use) : std::vector<std::string>();
    if (missing.empty()) throw;
    throw InputError(explain(error) + download_advice(folder.path, missing));
  }
}

}  // namespace

graph::SavedFiles Pipeline::run(Job job, graph::Context& context) const {
  graph::Execution run(graph(), std::any(std::move(job)), result_slot());
  return std::any_cast<graph::SavedFiles>(graph::run_to_end(run, context));
}

graph::Frames Pipeline::make_frames(Job job, graph::Context& context) const {
  graph::Execution run(graph(), std::any(std::move(job)), frames_slot());
  return std::any_cast<graph::Frames>(graph::run_to_end(run, context));
}

void check_components(const Pipeline& pipeline,
                      const std::vector<memory::ComponentRole>& described) {
  const auto listed = listed_components(pipeline, described);
  std::set<std::string> used;
  for (const auto& stage : pipeline.graph().stages())
    for (const memory::Component* component : stage.components) {
      const auto found = listed.find(component->name());
      if (found == listed.end() || found->second != component)
        throw Error(fmt::format("stage {} uses a component {} that the pipeline does not list",
                                stage.name, component->name()));
      used.insert(component->name());
    }
  std::map<const memory::Parameter*, std::string> owners;
  for (const auto& [name, component] : listed) {
    if (!used.contains(name)) throw Error("no stage uses the component " + name);
    component->module().visit_parameters(
        [&](const std::string& parameter_name, const memory::Parameter& parameter) {
          const auto [owner, is_new] = owners.emplace(&parameter, name);
          if (!is_new)
            throw Error(fmt::format("the parameter {} belongs to the components {} and {}",
                                    parameter_name, owner->second, name));
        });
  }
}

std::unique_ptr<Pipeline> open_pipeline(const std::filesystem::path& ckpt_dir,
                                        const ModelChoices& choices) {
  auto folder = ModelFolder::open(ckpt_dir, choices.files);
  folder.model_defaults = choices.defaults;
  const PipelineFamily& family = family_of(folder);
  const auto use = choices.for_plan ? CheckpointUse::plan : CheckpointUse::run;
  auto pipeline = about_missing(folder, use, [&] { return family.open(folder, choices); });
  check_components(*pipeline, family.components(folder));
  return pipeline;
}

std::vector<memory::ComponentRole> components_of(const std::filesystem::path& ckpt_dir) {
  const auto folder = ModelFolder::open(ckpt_dir);
  return about_missing(folder, CheckpointUse::plan,
                       [&] { return family_of(folder).components(folder); });
}

namespace {

/// Turns it to lower case.
void check_sha256(const std::string& key, std::string& sha256) {
  constexpr std::size_t kDigits = 64;
  const bool is_one =
      sha256.size() == kDigits &&
      std::ranges::all_of(sha256, [](unsigned char digit) { return std::isxdigit(digit) != 0; });
  if (!is_one)
    throw InputError(fmt::format("request.{}_sha256={}: expected {} hexadecimal digits, or null",
                                 key, sha256, kDigits));
  std::ranges::transform(sha256, sha256.begin(),
                         [](unsigned char digit) { return std::tolower(digit); });
}

/// Reads a picture of a request, and fills in the checksum of its file.
void check_picture(const std::string& key, const std::optional<std::string>& path,
                   std::optional<std::string>& sha256) {
  if (sha256) check_sha256(key, *sha256);
  if (path) {
    sha256 = read_request_picture(key, *path, sha256.value_or("")).sha256;
  } else if (sha256) {
    throw InputError(fmt::format("request.{}_sha256={}: expected null, since request.{} is null",
                                 key, *sha256, key));
  }
}

}  // namespace

namespace {

/// The fields of a request that the user has left open: they have the model's defaults.
std::vector<std::string> open_fields(const PartialRequest& partial) {
  std::vector<std::string> open;
  const auto add = [&](const char* name, const auto& field) {
    if (!field) open.emplace_back(name);
  };
  add("width", partial.width);
  add("height", partial.height);
  add("num_frames", partial.num_frames);
  add("num_inference_steps", partial.num_inference_steps);
  add("guidance_scale", partial.guidance_scale);
  add("guidance_scale_2", partial.guidance_scale_2);
  add("fps", partial.fps);
  add("flow_shift", partial.flow_shift);
  return open;
}

/// Checks the request; a message about a field that the user left open says where it comes from.
void check(const Pipeline& pipeline, const Request& request, const PartialRequest& partial) {
  try {
    pipeline.check(request);
  } catch (const InputError& error) {
    const std::string text = error.what();
    for (const std::string& name : open_fields(partial))
      if (text.starts_with("request." + name + "="))
        throw InputError(text +
                         "; it is the default of generation_config.json in the checkpoint, "
                         "or of model.request_defaults");
    throw;
  }
}

}  // namespace

Request complete(const Pipeline& pipeline, const PartialRequest& partial) {
  const RequestDefaults defaults = pipeline.request_defaults();
  Request request;
  request.prompt = partial.prompt;
  request.negative_prompt = partial.negative_prompt;
  if (!request.negative_prompt && defaults.empty_negative_prompt) request.negative_prompt = "";
  request.width = partial.width.value_or(defaults.width);
  request.height = partial.height.value_or(defaults.height);
  request.num_frames = partial.num_frames.value_or(defaults.num_frames);
  request.num_inference_steps = partial.num_inference_steps.value_or(defaults.num_inference_steps);
  request.guidance_scale = partial.guidance_scale.value_or(defaults.guidance_scale);
  request.guidance_scale_2 =
      partial.guidance_scale_2 ? partial.guidance_scale_2 : defaults.guidance_scale_2;
  request.fps = partial.fps.value_or(defaults.fps);
  request.seed = partial.seed;
  request.max_sequence_length = partial.max_sequence_length;
  request.flow_shift = partial.flow_shift ? partial.flow_shift : defaults.flow_shift;
  request.loras = partial.loras;
  request.flexcache = partial.flexcache;
  request.flexcache_params = partial.flexcache_params;
  request.image = partial.image;
  request.image_sha256 = partial.image_sha256;
  request.last_image = partial.last_image;
  request.last_image_sha256 = partial.last_image_sha256;
  check(pipeline, request, partial);
  if (request.loras) add_contents(*request.loras);
  check_picture("image", request.image, request.image_sha256);
  check_picture("last_image", request.last_image, request.last_image_sha256);
  return request;
}

}  // namespace chitu::pipelines
