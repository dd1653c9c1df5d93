#include "pipelines/settings/settings.h"

#include "chitu_core/cache/cache.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/device/device.h"
#include "chitu_core/models/schedulers/scheduler.h"
#include "chitu_core/nn/attention.h"
#include "pipelines/output/media_names.h"
#include "pipelines/settings/flexcache_settings.h"

namespace chitu::pipelines {

using config::at_least;
using config::between;
using config::multiple_of;
using config::one_of;

namespace {
const std::vector<std::string> kDtypes{"auto", "float32", "bfloat16", "float16"};
// More steps than this are probably a typing error.
constexpr double kMostSteps = 1000;
constexpr double kMostScale = 100;
}  // namespace

namespace {

std::vector<LoraChoice> choices_of(const std::vector<LoraSettings>& settings) {
  std::vector<LoraChoice> choices;
  for (const LoraSettings& lora : settings)
    choices.push_back(
        {lora.path, lora.scale, lora.component.value_or(""), lora.strict, lora.contents});
  return choices;
}

}  // namespace

void StageSettings::bind(config::Binder& b) {
  b.required("name", name, {}, "under which the program has registered the stage");
  b.field("after", after, "stage of the pipeline whose output it changes; null: see before");
  b.field("before", before, "stage of the pipeline whose input it changes; null: see after");
}

void LoraSettings::bind(config::Binder& b) {
  b.required("path", path, {}, "safetensors file of the LoRA");
  b.field("scale", scale, between(-kMostScale, kMostScale), "factor of the change");
  b.field("component", component,
          "transformer to change, such as transformer_2; null: those that its layers belong to");
  b.field("strict", strict, "every tensor of the file must have its place in the model");
  b.field("contents", contents,
          "checksum that the file must have, as a batch keeps it in jobs.jsonl; null: any");
}

void FileSettings::bind(config::Binder& b) {
  b.field(
      "transformer", transformer,
      "weights of the transformer: a safetensors or GGUF file, an index of shards, or a folder "
      "of them, with the names of diffusers, the original repository or ComfyUI; null: those in "
      "ckpt_dir");
  b.field("transformer_2", transformer_2, "the same for the second transformer (Wan 2.2 A14B)");
  b.field("text_encoder", text_encoder, "the same for the text encoder");
  b.field("image_encoder", image_encoder, "the same for the image encoder");
  b.field("vae", vae, "the same for the VAE");
  b.field("tokenizer", tokenizer,
          "tokenizer.json, spiece.model or a folder with one; null: that in ckpt_dir, else the one "
          "that ComfyUI's files of umT5 contain");
}

ModelFiles FileSettings::files() const {
  ModelFiles files;
  const auto add = [&](const char* name, const std::optional<std::string>& file) {
    if (file) files.emplace(name, *file);
  };
  add("transformer", transformer);
  add("transformer_2", transformer_2);
  add("text_encoder", text_encoder);
  add("image_encoder", image_encoder);
  add("vae", vae);
  add("tokenizer", tokenizer);
  return files;
}

void DefaultsSettings::bind(config::Binder& b) {
  b.field("num_inference_steps", num_inference_steps, between(1, kMostSteps),
          "of requests that name none; null: the checkpoint's");
  b.field("guidance_scale", guidance_scale, between(0, 1000), "the same");
  b.field("guidance_scale_2", guidance_scale_2, between(0, 1000), "the same");
  b.field("flow_shift", flow_shift, config::more_than(0), "the same");
}

void ModelSettings::bind(config::Binder& b) {
  b.required("ckpt_dir", ckpt_dir, {}, "folder of a checkpoint in the diffusers layout");
  b.field("scheduler", scheduler, one_of(Registry<models::SchedulerClass>::instance().names()),
          "scheduler class, with the settings of the checkpoint's; null: the checkpoint's");
  b.field("stages", stages, "stages that a C++ program has registered, and where they go");
  b.field("loras", loras, "LoRAs that change the weights, in this order");
  b.field("lora_mode", lora_mode,
          "add: LoRAs are added to the products of layers; merge: into the weights while they are "
          "read; auto: add");
  b.field("files", files, "files that stand for those in ckpt_dir");
  b.field("request_defaults", defaults,
          "values of requests that leave them open, for distilled models");
}

void InferSettings::bind(config::Binder& b) {
  b.field("dtype", dtype, one_of(kDtypes),
          "compute dtype of text encoder and transformer; auto: float32 on the CPU, else bfloat16");
  b.field("vae_dtype", vae_dtype, one_of(kDtypes), "compute dtype of the VAE; auto: float32");
  b.field("attn_type", attn_type, one_of(nn::attention_names()), "attention backend");
  b.field("threads", threads, between(1, 1024), "CPU threads; null: as many as there are cores");
  memory.bind(b, [this](config::Binder& diffusion) { parallel.bind(diffusion); });
  b.field("prompt_cache", prompt_cache,
          "folder that keeps encoded prompts for later runs; null: none");
}

void RequestSettings::bind(config::Binder& b) {
  b.required("prompt", prompt, {}, "what to show; may be empty");
  b.field("negative_prompt", negative_prompt, "what to steer away from; null: none");
  // The model knows the sizes that work, and suggests the nearest ones.
  const config::Rule side = described(at_least(16) && multiple_of(16));
  b.field("width", width, side, "pixels");
  b.field("height", height, side, "pixels");
  b.field("num_frames", num_frames, described(at_least(1)), "frames, 4k + 1");
  b.field("num_inference_steps", num_inference_steps, between(1, kMostSteps), "denoising steps");
  b.field("guidance_scale", guidance_scale, between(0, 1000), "1 or less turns guidance off");
  b.field("guidance_scale_2", guidance_scale_2, between(0, 1000),
          "of the second transformer (Wan 2.2 A14B); null = guidance_scale");
  config::Seed noise{seed};
  b.field("seed", noise,
          "seed of the noise; -2^63 to 2^64 - 1, as for torch.Generator.manual_seed");
  seed = noise.bits;
  b.field("fps", fps, between(1, 240), "frames per second");
  b.field("max_sequence_length", max_sequence_length, described(between(1, 1024)),
          "tokens of the prompt that the transformer sees");
  b.field("flow_shift", flow_shift, config::more_than(0),
          "timestep shift of the scheduler; null: the checkpoint's");
  b.field("image", image, "PNG, JPEG or WebP file that the video begins with; null: none");
  b.field("last_image", last_image,
          "the same for the end of the video, where a checkpoint takes both; null: none");
  b.field("image_sha256", image_sha256, "SHA-256 that the file of image must have; null: any");
  b.field("last_image_sha256", last_image_sha256,
          "SHA-256 that the file of last_image must have; null: any");
  std::optional<std::vector<LoraSettings>> written;
  b.field("loras", written, "LoRAs of this request, as in model.loras; null: those");
  if (written) loras = choices_of(*written);
  b.field("flexcache", flexcache, one_of(Registry<cache::Cache>::instance().names()),
          "reuses results of earlier denoising steps; null: none");
  FlexcacheSettings given;
  b.field("flexcache_params", given, "parameters of the cache");
  if (!given.params.empty()) flexcache_params = given.params;
}

void OutputSettings::bind(config::Binder& b) {
  b.field("format", format, "file format of the media, or several as [mp4, frames]");
  b.field("name", name,
          "template of the names of the media, such as {index:04d}-{prompt:.40}-{seed}; null: "
          "video.mp4 and so on");
  b.field("contact_sheet", contact_sheet, "also write all frames side by side as one PNG");
}

Output OutputSettings::output_in(const std::filesystem::path& folder,
                                 const NameValues& values) const {
  Output output;
  output.formats = format.items;
  output.dir = folder;
  output.contact_sheet = contact_sheet;
  if (name) output.name = NameTemplate(*name).name_for(values);
  check_media_names(output);
  return output;
}

void DebugSettings::bind(config::Binder& b) {
  b.field("dump_tensors", dump_tensors, "safetensors file for the tensors of the run");
  b.field("profile", profile,
          "write trace.json, memory.svg and operators.txt: where time and memory go");
}

void DeviceSettings::bind(config::Binder& b) {
  b.field("name", name, one_of({"auto", "cpu", "cuda", "sim"}),
          "auto (an accelerator if there is one, else the CPU), cpu, cuda, sim");
  b.field("index", index, at_least(0), "which device of several; null: the first");
  b.field("capacity", capacity,
          "sim: size of the device memory; other devices: the size that plans and runs assume; "
          "null: all");
  b.field("h2d_bandwidth", h2d_bandwidth,
          "sim: bandwidth to the device, such as 12GiB; null: as fast as the host copies");
  b.field("d2h_bandwidth", d2h_bandwidth,
          "sim: bandwidth from the device; null: as fast as the host copies");
  b.field("profile", profile, "peak rates of the device, for least times; see device/profile");
  b.field("interconnect", interconnect,
          "link between the ranks of a host, for least times; see device/interconnect");
  b.field("network", network, "link between hosts, for least times; see device/network");
}

std::optional<DeviceProfile> DeviceSettings::device_profile() const {
  const auto refuse = [](const std::string& key) {
    throw InputError("device." + key +
                     ": without rates of arithmetic there are no times to add to; expected "
                     "device/profile=NAME as well");
  };
  if (!profile && interconnect) refuse("interconnect");
  if (!profile && network) refuse("network");
  if (!profile) return std::nullopt;
  DeviceProfile rates = profile->device_profile();
  rates.links = links_of(interconnect, network);
  return rates;
}

void Settings::bind(config::Binder& b) {
  b.field("device", device, "what to compute on");
  b.field("model", model, "the checkpoint");
  b.field("infer", infer, "how to compute");
  b.field("memory", memory, "device and dtype of weights in each state");
  b.field("request", request, "what to generate");
  b.field("output", output, "what to write");
  b.field("batch", batch, "how a list of jobs is run");
  b.field("debug", debug, "files for inspecting a run");
}

namespace {

/// The device by name and index, such as cuda:1; plans do not need it to exist. There is one CPU
/// and one simulated device.
std::string device_name(const DeviceSettings& settings) {
  const std::string& name = settings.name;
  if (!settings.index) return name;
  const std::string index = std::to_string(*settings.index);
  if (name == "cuda") return name + ":" + index;
  if (name == "auto" && device::has_accelerator())
    return c10::DeviceTypeName(device::resolve(name).type(), true) + ":" + index;
  const bool of_profile = name == "auto" && settings.profile && settings.profile->device;
  if (*settings.index > 0 && !of_profile)
    throw InputError("device.index=" + index + ": expected 0 or null, as there is one " +
                     (name == "sim" ? "simulated device" : "CPU"));
  return name;
}

}  // namespace

EngineOptions Settings::engine_options() const {
  EngineOptions options;
  options.ckpt_dir = model.ckpt_dir;
  options.device = device_name(device);
  const auto bytes = [](const std::optional<config::Bytes>& given) {
    return given ? std::optional(given->count) : std::nullopt;
  };
  const auto rate = [](const std::optional<config::BytesPerSecond>& given) {
    return given ? std::optional(static_cast<double>(given->count)) : std::nullopt;
  };
  options.sim = {bytes(device.capacity), rate(device.h2d_bandwidth), rate(device.d2h_bandwidth)};
  options.profile = device.device_profile();
  options.dtype = infer.dtype;
  options.vae_dtype = infer.vae_dtype;
  options.attn_type = infer.attn_type;
  options.memory = infer.memory;
  options.memory.states = memory;
  options.parallel = infer.parallel.options();
  options.scheduler = model.scheduler.value_or("");
  for (const StageSettings& stage : model.stages)
    options.stages.push_back({stage.name, stage.after.value_or(""), stage.before.value_or("")});
  options.loras = choices_of(model.loras);
  options.lora_mode = model.lora_mode;
  options.files = model.files.files();
  options.defaults = model.defaults;
  if (infer.prompt_cache == "")
    throw InputError("infer.prompt_cache='': expected a folder or null");
  options.prompt_cache = infer.prompt_cache.value_or("");
  return options;
}

bool fill_in_prompt(config::Node& config) {
  config::Node* prompt = config.find("request.prompt");
  if (!prompt || !prompt->is_missing()) return false;
  *prompt = config::Node::literal("");
  return true;
}

}  // namespace chitu::pipelines
