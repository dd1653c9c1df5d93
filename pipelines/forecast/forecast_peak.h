#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipelines/forecast/level_forecaster.h"

namespace chitu::pipelines {

/// Tensors alike that are held at a peak.
struct HeldGroup {
  std::string what;   ///< "weights of transformer", or what made them: "linear"
  std::string where;  ///< the part of the work that did, numbers left out where several did
  std::int64_t count = 0;
  std::int64_t bytes = 0;  ///< of all together
};

/// Something to change, and the peak that it would leave.
struct Remedy {
  std::string change;  ///< as an override: "infer.vae_tile_size=16"
  std::string note;    ///< what it does
  std::int64_t peak_bytes = 0;
};

/// What makes up a level's peak where it computes.
struct PeakExplanation {
  std::string where;              ///< "denoise / step 0 / layer 3"
  std::string made_by;            ///< the operator that asked for the last bytes
  std::vector<HeldGroup> groups;  ///< largest first
  std::vector<Remedy> remedies;   ///< those that lower the peak by 1 % or more
};

/// next  the plan of the next level, null for the last
PeakExplanation explain_peak(const LevelForecaster& forecaster, const LevelForecast& level,
                             const LevelForecast* next, const Request& request,
                             bool longest_prompts);

}  // namespace chitu::pipelines
