#include "chitu_core/memory/memory_config.h"

#include "chitu_core/config/bind/binder.h"

namespace chitu::memory {
namespace {

/// The group infer.diffusion.
struct DiffusionKeys {
  std::optional<std::string> low_mem_level;
  std::function<void(config::Binder&)> bind_more;

  void bind(config::Binder& b) {
    b.field(
        "low_mem_level", low_mem_level, config::one_of({"0", "1", "2", "3", "auto"}),
        "0 keeps everything on the device, 3 holds the least there, auto: the fastest that fits; "
        "null: 0, or auto with infer.vram_limit or infer.host_limit");
    if (bind_more) bind_more(b);
  }
};

std::optional<int> level_of(const DiffusionKeys& diffusion, bool limited) {
  const auto& level = diffusion.low_mem_level;
  if (!level) return limited ? std::nullopt : std::optional(0);
  const bool is_number = *level != "auto" && !level->empty();  // empty after an error
  return is_number ? std::optional(std::stoi(*level)) : std::nullopt;
}

void bind_limit(config::Binder& b, std::string_view key, std::optional<MemoryLimit>& limit,
                std::string_view help) {
  std::optional<config::Amount> amount;
  if (limit) amount = {.bytes = limit->bytes, .share = limit->share};
  b.field(key, amount, help);
  limit.reset();
  if (amount) limit = {.bytes = amount->bytes, .share = amount->share};
}

void bind_strategies(config::Binder& b, std::vector<std::string>& strategies) {
  std::optional<std::vector<std::string>> names;
  if (!strategies.empty()) names = strategies;
  b.field("strategies", names,
          "memory strategies applied after those of the level, by name; null: none");
  strategies = names.value_or(std::vector<std::string>());
}

void bind_text_encoder_device(config::Binder& b, bool& on_cpu) {
  std::optional<std::string> device;
  if (on_cpu) device = "cpu";
  b.field("text_encoder_device", device, config::one_of({"cpu"}),
          "cpu: encode the prompt on the CPU; null: on the device");
  on_cpu = device == "cpu";
}

}  // namespace

void MemoryConfig::bind(config::Binder& b,
                        const std::function<void(config::Binder&)>& more_of_diffusion) {
  DiffusionKeys diffusion{.low_mem_level = {}, .bind_more = more_of_diffusion};
  b.field("diffusion", diffusion, "how the diffusion runs");
  visit_entries(
      [&](const EntryInfo& info, auto& entry) {
        if (!info.key.empty()) b.field(info.key, entry, info.rule, info.help);
      },
      *this);
  b.field("offload_text_encoder", offload_text_encoder,
          "offload the text encoder after its stage; null: as the level says");
  b.field("offload_vae", offload_vae, "load the VAE for its stage only; null: as the level says");
  b.field("offload_dit", offload_dit,
          "stream the transformer layer by layer; null: as the level says");
  b.field("sequential_load", sequential_load,
          "load each component for its stages only; null: as the level says");
  bind_limit(b, "vram_limit", vram_limit,
             "most device memory: 6GiB, 512MiB, 80%; on a CPU, most memory of the process, by an "
             "estimate; null: all");
  bind_limit(b, "host_limit", host_limit,
             "most host memory of the process, in the same forms; null: all");
  bind_strategies(b, strategies);
  bind_text_encoder_device(b, text_encoder_on_cpu);
  low_mem_level = level_of(diffusion, vram_limit || host_limit);
}

}  // namespace chitu::memory
