#include "tools/chitu/settings.h"

#include "chitu_core/common/error.h"
#include "chitu_core/device/device.h"
#include "chitu_core/nn/attention.h"

namespace chitu::tools {

using config::at_least;
using config::between;
using config::multiple_of;
using config::one_of;

namespace {
const std::vector<std::string> kDtypes{"auto", "float32", "bfloat16", "float16"};
// More steps than this are probably a typing error.
constexpr double kMostSteps = 1000;
}  // namespace

void ModelSettings::bind(config::Binder& b) {
  b.required("ckpt_dir", ckpt_dir, {}, "folder of a checkpoint in the diffusers layout");
}

void DiffusionSettings::bind(config::Binder& b) {
  b.field("low_mem_level", low_mem_level, one_of({"0", "1", "2", "3", "auto"}),
          "0 keeps everything on the device, 3 holds the least there, auto: the fastest that fits; "
          "null: 0, or auto with infer.vram_limit or infer.host_limit");
}

void InferSettings::bind(config::Binder& b) {
  b.field("dtype", dtype, one_of(kDtypes),
          "compute dtype of text encoder and transformer; auto: float32 on the CPU, else bfloat16");
  b.field("vae_dtype", vae_dtype, one_of(kDtypes), "compute dtype of the VAE; auto: float32");
  b.field("attn_type", attn_type, one_of(nn::attention_names()), "attention backend");
  b.field("threads", threads, between(1, 1024), "CPU threads; null: as many as there are cores");
  b.field("diffusion", diffusion, "how the diffusion runs");
  b.field("vae_tiling", vae_tiling,
          "off, exact (equal up to rounding) or blend (as diffusers); null: as the level says");
  b.field("vae_tile_size", vae_tile_size, at_least(8),
          "side of an exact VAE tile in latents; null: 32");
  b.field("offload_text_encoder", offload_text_encoder,
          "offload the text encoder after its stage; null: as the level says");
  b.field("offload_vae", offload_vae, "load the VAE for its stage alone; null: as the level says");
  b.field("offload_dit", offload_dit,
          "stream the transformer layer by layer; null: as the level says");
  b.field("sequential_load", sequential_load,
          "load each component for its stages alone; null: as the level says");
  b.field("prefetch_blocks", prefetch_blocks, between(1, 64),
          "streamed layers to fetch ahead; null: 1");
  b.field(
      "pin_memory", pin_memory,
      "pin the host memory that streamed layers are copied through; null: where the device can");
  b.field("guidance_interleave", guidance_interleave,
          "both guidance branches pass a streamed layer while it is loaded; false: one branch "
          "after the other; null: true, unless only false fits");
  b.field("offload_activations", offload_activations,
          "offload the activations of the waiting guidance branch to host memory (no effect on a "
          "CPU); null: false, unless only true fits");
  b.field("activation_chunk", activation_chunk, between(16, 1 << 24),
          "tokens per chunk of a feed-forward layer; the number may change rounding; null: chosen "
          "by shape");
  b.field("vram_limit", vram_limit,
          "most device memory: 6GiB, 512MiB, 80%; on a CPU, most memory of the process, by an "
          "estimate; null: all");
  b.field("host_limit", host_limit,
          "most host memory of the process, in the same forms; null: all");
  b.field("strategies", strategies,
          "memory strategies applied after those of the level, by name; null: none");
  b.field("text_encoder_device", text_encoder_device, one_of({"cpu"}),
          "cpu: encode the prompt on the CPU; null: on the device");
  b.field("prompt_cache", prompt_cache,
          "folder that keeps encoded prompts for later runs; null: none");
}

void StateSettings::bind(config::Binder& b) {
  b.field("device", device, "disk, cpu or device (where it computes); null: as the level says");
  b.field("dtype", dtype, "null: the compute dtype");
}

void ComponentMemorySettings::bind(config::Binder& b) {
  b.field("offload", offload, "at rest");
  b.field("onload", onload, "while its stage runs; disk or cpu: streamed layer by layer");
  b.field("preparing", preparing, "layers that are fetched ahead");
  b.field("computation", computation, "in the operators");
}

void MemorySettings::bind(config::Binder& b) {
  b.field("text_encoder", text_encoder, "weights of the text encoder");
  b.field("transformer", transformer, "weights of the transformer");
  b.field("vae", vae, "weights of the VAE");
}

void RequestSettings::bind(config::Binder& b) {
  b.required("prompt", prompt, {}, "what to show; may be empty");
  b.field("negative_prompt", negative_prompt, "what to steer away from");
  // The model knows the sizes that work, and suggests the nearest ones.
  const config::Rule side = described(at_least(16) && multiple_of(16));
  b.field("width", width, side, "pixels");
  b.field("height", height, side, "pixels");
  b.field("num_frames", num_frames, described(at_least(1)), "frames, 4k + 1");
  b.field("num_inference_steps", num_inference_steps, between(1, kMostSteps), "denoising steps");
  b.field("guidance_scale", guidance_scale, between(0, 1000), "1 or less turns guidance off");
  config::Seed noise{seed};
  b.field("seed", noise,
          "seed of the noise; -2^63 to 2^64 - 1, as for torch.Generator.manual_seed");
  seed = noise.bits;
  b.field("fps", fps, between(1, 240), "frames per second");
  b.field("max_sequence_length", max_sequence_length, between(1, 512),
          "tokens of the prompt that the transformer sees");
  b.field("flow_shift", flow_shift, config::more_than(0),
          "timestep shift of the scheduler; null: the checkpoint's");
}

void OutputSettings::bind(config::Binder& b) {
  b.field("format", format, "file format of the media");
  b.field("contact_sheet", contact_sheet, "also write all frames side by side as one PNG");
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
}

void Settings::bind(config::Binder& b) {
  b.field("device", device, "what to compute on");
  b.field("model", model, "the checkpoint");
  b.field("infer", infer, "how to compute");
  b.field("memory", memory, "device and dtype of weights in each state");
  b.field("request", request, "what to generate");
  b.field("output", output, "what to write");
  b.field("debug", debug, "files for inspecting a run");
}

namespace {

std::optional<memory::MemoryLimit> limit_of(const std::optional<config::Amount>& given) {
  if (!given) return std::nullopt;
  return memory::MemoryLimit{.bytes = given->bytes, .share = given->share};
}

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

memory::ComponentStates states_of(const ComponentMemorySettings& settings) {
  return {settings.offload, settings.onload, settings.preparing, settings.computation};
}

std::optional<int> level_of(const InferSettings& infer) {
  const auto& level = infer.diffusion.low_mem_level;
  if (!level) return infer.vram_limit || infer.host_limit ? std::nullopt : std::optional(0);
  return *level == "auto" ? std::nullopt : std::optional(std::stoi(*level));
}

}  // namespace

pipelines::EngineOptions Settings::engine_options() const {
  pipelines::EngineOptions options;
  options.ckpt_dir = model.ckpt_dir;
  options.device = device_name(device);
  const auto bytes = [](const std::optional<config::Bytes>& given) {
    return given ? std::optional(given->count) : std::nullopt;
  };
  const auto rate = [](const std::optional<config::BytesPerSecond>& given) {
    return given ? std::optional(static_cast<double>(given->count)) : std::nullopt;
  };
  options.sim = {bytes(device.capacity), rate(device.h2d_bandwidth), rate(device.d2h_bandwidth)};
  if (device.profile) options.profile = device.profile->device_profile();
  options.dtype = infer.dtype;
  options.vae_dtype = infer.vae_dtype;
  options.attn_type = infer.attn_type;
  options.memory.low_mem_level = level_of(infer);
  options.memory.vram_limit = limit_of(infer.vram_limit);
  options.memory.host_limit = limit_of(infer.host_limit);
  options.memory.strategies = infer.strategies.value_or(std::vector<std::string>{});
  options.memory.text_encoder = states_of(memory.text_encoder);
  options.memory.transformer = states_of(memory.transformer);
  options.memory.vae = states_of(memory.vae);
  options.memory.sequential_load = infer.sequential_load;
  options.memory.guidance_interleave = infer.guidance_interleave;
  options.memory.offload_activations = infer.offload_activations;
  options.memory.activation_chunk = infer.activation_chunk;
  options.memory.prefetch_blocks = infer.prefetch_blocks;
  options.memory.pin_memory = infer.pin_memory;
  options.memory.vae_tiling = infer.vae_tiling;
  options.memory.vae_tile_latents = infer.vae_tile_size;
  options.memory.offload_text_encoder = infer.offload_text_encoder;
  options.memory.offload_vae = infer.offload_vae;
  options.memory.offload_dit = infer.offload_dit;
  options.memory.text_encoder_on_cpu = infer.text_encoder_device == "cpu";
  if (infer.prompt_cache == "")
    throw InputError("infer.prompt_cache='': expected a folder or null");
  options.prompt_cache = infer.prompt_cache.value_or("");
  return options;
}

}  // namespace chitu::tools
