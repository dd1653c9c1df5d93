#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "chitu_core/cache/plan.h"

namespace chitu::cache {

/// A published model for which caches were fitted.
struct FittedModel {
  std::string_view name;
  /// TeaCache: the polynomial that rescales changes of the embedded timestep, highest power first,
  /// for the modulation of all blocks ("retention steps") and for the embedding itself.
  std::array<double, 5> of_modulation, of_embedding;
  /// TeaCache: which of the two is better, and the thresholds for the least speed-up published.
  bool by_modulation;
  double modulation_threshold, embedding_threshold;
  /// MagCache: ratio of a step's residual to that of the step before, for 50 steps or as many as
  /// it was measured with.
  std::span<const double> magnitude_ratios;
  double magnitude_error;
  int most_skipped;
};

/// The table of a model, by its config and the size of the request's frames, as published; empty if
/// it has none.
///
/// source  github.com/ali-vilab/TeaCache (TeaCache4Wan2.1), github.com/Zehong-Ma/MagCache
///         (MagCache4Wan2.1; ratios of the prompt's branch, which those of the negative prompt
///         equal to three digits or more after the first steps)
std::optional<FittedModel> fitted_model(const ModelFacts& model);

}  // namespace chitu::cache
