#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "chitu_core/config/bind/rule.h"

namespace chitu::memory {

/// How the VAE decodes.
enum class VaeTiling {
  off,    ///< whole frames
  exact,  ///< tiles with halos: the same picture up to rounding
  blend,  ///< overlapping tiles, blended as diffusers does: another picture, visibly so at seams
};

/// Their names in configurations and reports.
constexpr auto config_names(VaeTiling) {
  return std::array{std::pair{"off", VaeTiling::off}, std::pair{"exact", VaeTiling::exact},
                    std::pair{"blend", VaeTiling::blend}};
}

/// The value of an entry before any strategy. A configuration starts empty: as the level says.
template <template <class> class Of, class T>
constexpr Of<T> initially(T value) {
  if constexpr (std::is_same_v<Of<T>, T>)
    return value;
  else
    return {};
}

/// Entries of a memory plan that a key sets as they are. A plan has a value for each, `Of<T>` being
/// T; a configuration has std::optional<T>. A new entry is one line here and one in
/// visit_entries(): the key, the report of a plan and the documentation of keys follow from it.
template <template <class> class Of>
struct PlanEntries {
  Of<VaeTiling> vae_tiling = initially<Of>(VaeTiling::off);
  /// Side of an exact tile: 256 pixels, as diffusers has it.
  Of<std::int64_t> vae_tile_latents = initially<Of>(std::int64_t{32});
  /// Keep the cross-attention keys and values of a prompt, the same at every step, between steps.
  Of<bool> keep_text_kv = initially<Of>(true);
  /// Both guidance branches pass a layer while it is loaded; else one branch after the other, which
  /// loads every layer again: half the hidden states for twice the copies.
  Of<bool> guidance_interleave = initially<Of>(true);
  /// Offloads the hidden states of the branch that waits while the other one computes: one branch's
  /// hidden states on the device, for two copies of them per layer.
  Of<bool> offload_activations = initially<Of>(false);
  /// Tokens at once in a feed-forward; 0 = by their shape.
  Of<std::int64_t> activation_chunk = initially<Of>(std::int64_t{0});
  /// Layers that are fetched while an earlier one computes.
  Of<std::int64_t> prefetch_blocks = initially<Of>(std::int64_t{1});
  /// Pin the host memory that layers pass through.
  Of<bool> pin_memory = initially<Of>(true);
  bool operator==(const PlanEntries&) const = default;
};

/// One entry for readers.
struct EntryInfo {
  std::string_view name;  ///< in reports
  std::string_view key;   ///< below infer; empty = only strategies set it
  std::string_view help{};
  config::Rule rule{};
};

/// Calls visit(info, entry...) for each entry, in the order of reports, with that entry of each of
/// the given PlanEntries.
template <class Visit, class... Entries>
void visit_entries(const Visit& visit, Entries&... of) {
  using Info = EntryInfo;
  visit(Info{"vae_tiling", "vae_tiling",
             "off, exact (equal up to rounding) or blend (as diffusers); null: as the level says"},
        of.vae_tiling...);
  visit(Info{"vae_tile_latents", "vae_tile_size", "side of an exact VAE tile in latents; null: 32",
             config::at_least(8)},
        of.vae_tile_latents...);
  visit(Info{"keep_text_kv", ""}, of.keep_text_kv...);
  visit(Info{"guidance_interleave", "guidance_interleave",
             "both guidance branches pass a streamed layer while it is loaded; false: one branch "
             "after the other; null: true, unless only false fits"},
        of.guidance_interleave...);
  visit(
      Info{"offload_activations", "offload_activations",
           "offload the activations of the waiting guidance branch to host memory (no effect on a "
           "CPU); null: false, unless only true fits"},
      of.offload_activations...);
  visit(
      Info{"activation_chunk", "activation_chunk",
           "tokens per chunk of a feed-forward layer; the number may change rounding; null: chosen "
           "by shape",
           config::between(16, 1 << 24)},
      of.activation_chunk...);
  visit(Info{"prefetch_blocks", "prefetch_blocks", "streamed layers to fetch ahead; null: 1",
             config::between(1, 64)},
        of.prefetch_blocks...);
  visit(Info{"pin_memory", "pin_memory",
             "pin the host memory that streamed layers are copied through; null: where the device "
             "can"},
        of.pin_memory...);
}

}  // namespace chitu::memory
