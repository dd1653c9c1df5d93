#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "chitu_core/graph/stored_value.h"

namespace chitu::models {
class Scheduler;
struct ScheduleMemory;
}  // namespace chitu::models

namespace chitu::graph {

/// Token ids of the prompt and, with guidance, of the negative prompt: [1, n] int64 without
/// padding.
struct Tokens {
  static constexpr std::string_view value_name = "Tokens";
  at::Tensor ids;
  at::Tensor negative_ids;  ///< undefined without guidance

  StoredValue to_stored() const;
  static Tokens from_stored(const StoredValue& stored);
};

/// The encoded prompts: [1, L, D], the transformer's dtype, zero after the last token, L =
/// max_sequence_length.
struct TextEmbeddings {
  static constexpr std::string_view value_name = "TextEmbeddings";
  at::Tensor prompt_embeds;
  at::Tensor negative_prompt_embeds;  ///< undefined without guidance
  std::int64_t prompt_tokens = 0;     ///< rows of prompt_embeds that are tokens
  std::int64_t negative_prompt_tokens = 0;

  StoredValue to_stored() const;
  static TextEmbeddings from_stored(const StoredValue& stored);
};

/// Normalised latents, [B, C, F, H, W] float32: F = 1 + (frames - 1) / 4, H and W = pixels / 8.
struct Latents {
  static constexpr std::string_view value_name = "Latents";
  at::Tensor latents;
  /// The scheduler after the steps that led here, for the stage that takes the next ones; null
  /// before the first denoising stage.
  std::shared_ptr<const models::Scheduler> scheduler{};
  /// In place of the scheduler where these latents were stored amid the steps: what it remembers.
  std::shared_ptr<const models::ScheduleMemory> steps_taken{};

  StoredValue to_stored() const;
  static Latents from_stored(const StoredValue& stored);
};

/// Pictures, [T, H, W, 3] uint8 on the CPU.
struct Frames {
  static constexpr std::string_view value_name = "Frames";
  at::Tensor frames;

  StoredValue to_stored() const;
  static Frames from_stored(const StoredValue& stored);
};

/// The written files, the media first.
struct SavedFiles {
  static constexpr std::string_view value_name = "SavedFiles";
  std::vector<std::filesystem::path> paths;
};

}  // namespace chitu::graph
