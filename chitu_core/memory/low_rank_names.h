#pragma once

#include <string>
#include <string_view>

namespace chitu::memory {

/// Names of the matrices that a LoRA adds to a linear map, below its own: as PEFT's.
inline constexpr std::string_view kLowRankDown = "lora_A.weight", kLowRankUp = "lora_B.weight";

inline bool is_low_rank_down(std::string_view name) { return name.ends_with(kLowRankDown); }

/// The linear map that a matrix belongs to: "to_q" of "to_q.lora_A.weight".
inline std::string layer_of_low_rank(std::string_view name) {
  const std::size_t matrix = is_low_rank_down(name) ? kLowRankDown.size() : kLowRankUp.size();
  return std::string(name.substr(0, name.size() - matrix - 1));
}

}  // namespace chitu::memory
