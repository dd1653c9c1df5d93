#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::pipelines {

/// How much more or less a figure may be: not at all, by a number, by a share of the first, or at
/// will.
struct Slack {
  enum class Kind { none, amount, share, any };
  Kind kind = Kind::none;
  std::int64_t amount = 0;  ///< bytes, or a count
  double share = 0;         ///< of the figure that it is compared with

  /// Whether `after` is at most so much more than `before`.
  bool allows_growth(std::int64_t before, std::int64_t after) const;
  /// Whether the two are at most so far apart.
  bool allows(std::int64_t before, std::int64_t after) const;
};

/// Parses "1MiB", "5%", "any", and for a count "2". Empty for any other text.
std::optional<Slack> parse_slack(std::string_view text, bool is_count);

/// How far frames may be apart. With neither limit they have to be identical.
struct FrameTolerance {
  std::optional<double> least_psnr_db, least_ssim;
  bool any = false;

  bool exact() const { return !any && !least_psnr_db && !least_ssim; }
};

/// What `chitu compare --tolerance` allows.
struct Tolerance {
  FrameTolerance frames;
  Slack peak, bytes, loads;
  std::optional<double> time_share;  ///< of the sum of seconds; empty = not judged

  /// words   "psnr=40", "ssim=0.99", "frames=any", "peak=1MiB", "bytes=5%", "loads=any", "time=10%"
  /// throws  InputError naming the word and what is expected
  static Tolerance parse(const std::vector<std::string>& words);
};

}  // namespace chitu::pipelines
