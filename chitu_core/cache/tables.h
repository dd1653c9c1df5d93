#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "chitu_core/cache/plan.h"

namespace chitu::cache {

/// A published model for which caches were fitted.
struct FittedModel {
  struct TeaCache {
    /// The polynomial that rescales changes of the embedded timestep, highest power first, for the
    /// modulation of all blocks ("retention steps") and for the embedding itself.
    std::array<double, 5> of_modulation, of_embedding;
    /// Which of the two is better, and the thresholds for the least speed-up published.
    bool by_modulation;
    double modulation_threshold, embedding_threshold;
  };
  struct MagCache {
    std::span<const double> ratios;  ///< magnitude_ratios.h
    double error = 0.06;
    int most_skipped = 2;
    double retention = 0.2;  ///< share of the steps that are computed at the start
  };
  std::string_view name;
  std::optional<TeaCache> teacache{};
  MagCache magcache;
};

/// The tables of a model, by its config, the steps that it takes and the request's frames, as
/// published; empty if it has none.
///
/// source  github.com/ali-vilab/TeaCache (TeaCache4Wan2.1), github.com/Zehong-Ma/MagCache
///         (MagCache4Wan2.1, MagCache4Wan2.2, MagCache4QwenImage)
std::optional<FittedModel> fitted_model(const ModelFacts& model);

}  // namespace chitu::cache
