#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipelines/forecast/level_forecaster.h"

namespace chitu::pipelines {

/// Similar tensors that are held at a peak.
struct HeldGroup {
  std::string what;   ///< "weights of transformer", or what made them: "linear"
  std::string where;  ///< the part of the work that made them; without numbers if several did
  std::int64_t count = 0;
  std::int64_t bytes = 0;  ///< of all together
};

/// A change, and the peak with it.
struct Remedy {
  std::string change;  ///< as an override: "infer.vae_tile_size=16"
  std::string note;    ///< what the change does
  std::int64_t peak_bytes = 0;
};

/// What makes up the peak of a level on the computing device.
struct PeakExplanation {
  std::string where;              ///< "denoise / step 0 / layer 3"
  std::string made_by;            ///< the operator that allocated last
  std::vector<HeldGroup> groups;  ///< largest first
  std::vector<Remedy> remedies;   ///< those that lower the peak by 1 % or more
};

/// next  the plan of the next level, null for the last
PeakExplanation explain_peak(const LevelForecaster& forecaster, const LevelForecast& level,
                             const LevelForecast* next, const Request& request,
                             bool longest_prompts);

}  // namespace chitu::pipelines
