#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/config/bind/binder.h"
#include "chitu_core/config/compose/compose.h"

namespace chitu::tools {

/// How the frames of a case are compared with its golden record.
enum class FrameMode {
  exact,      ///< by SHA-256; only a machine without approved sums is compared by tolerance
  tolerance,  ///< by PSNR and SSIM against the stored frames
};

constexpr auto config_names(FrameMode) {
  return std::array{std::pair{"exact", FrameMode::exact},
                    std::pair{"tolerance", FrameMode::tolerance}};
}

/// How much more than its record a case may take. Without a value: nothing more.
struct GrowthLimits {
  std::optional<config::Amount> peak, bytes;
  std::optional<std::int64_t> loads;

  void bind(config::Binder& binder);
};

/// One case of a cases file, with what `defaults` adds.
struct RegressCase {
  std::string name;
  FrameMode mode = FrameMode::exact;
  double least_psnr_db = 40;
  double least_ssim = 0.99;
  std::optional<std::int64_t> stored_frames;  ///< empty = all
  GrowthLimits tolerance;
  std::optional<std::string> reference;  ///< the case that its time is divided by
  bool time = false;                     ///< whether its time is judged
  config::Origin origin;                 ///< of its entry, for messages
  config::Composition composition;

  /// "cases.yaml:7: case level-3: <problem>".
  std::string about(const std::string& problem) const;
};

}  // namespace chitu::tools
