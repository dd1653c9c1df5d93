#include "pipelines/compare/tolerance.h"

#include <cmath>
#include <cstdlib>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/parse_number.h"

namespace chitu::pipelines {
namespace {

const std::vector<std::string> kNames{"psnr", "ssim", "frames", "peak", "bytes", "loads", "time"};

std::optional<double> parse_finite(std::string_view text) {
  const auto number = parse_number<double>(text);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

/// "5%" as 0.05; not negative.
std::optional<double> parse_share(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  const auto percent = parse_finite(text.substr(0, text.size() - 1));
  return percent && *percent >= 0 ? std::optional(*percent / 100) : std::nullopt;
}

std::optional<std::int64_t> parse_count(std::string_view text) {
  const auto count = parse_number<std::int64_t>(text);
  return count && *count >= 0 ? count : std::nullopt;
}

/// One `name=value` of --tolerance.
struct Word {
  std::string text, name, value;

  explicit Word(const std::string& given) : text(given) {
    const std::size_t equals = given.find('=');
    name = given.substr(0, equals);
    if (equals != std::string::npos) value = given.substr(equals + 1);
  }

  [[noreturn]] void refuse(const std::string& expected) const {
    throw InputError("--tolerance " + text + ": expected " + expected);
  }
  double number(double least, double most, const std::string& expected) const {
    const auto parsed = parse_finite(value);
    if (!parsed || *parsed < least || *parsed > most) refuse(expected);
    return *parsed;
  }
  Slack slack(bool is_count) const {
    if (const auto parsed = parse_slack(value, is_count)) return *parsed;
    refuse(is_count ? name + "=any or a number of loads, such as loads=1"
                    : name + "=any, a size or a percentage, such as " + name + "=1MiB or " + name +
                          "=5%");
  }
};

void apply(const Word& word, Tolerance& tolerance) {
  if (word.name == "psnr") {
    tolerance.frames.least_psnr_db = word.number(0, 1000, "the least PSNR in dB, such as psnr=40");
  } else if (word.name == "ssim") {
    tolerance.frames.least_ssim = word.number(-1, 1, "the least SSIM, such as ssim=0.99");
  } else if (word.name == "frames") {
    if (word.value != "any") word.refuse("frames=any; psnr=40 or ssim=0.99 limits the difference");
    tolerance.frames.any = true;
  } else if (word.name == "peak") {
    tolerance.peak = word.slack(false);
  } else if (word.name == "bytes") {
    tolerance.bytes = word.slack(false);
  } else if (word.name == "loads") {
    tolerance.loads = word.slack(true);
  } else if (word.name == "time") {
    tolerance.time_share = parse_share(word.value);
    if (!tolerance.time_share) word.refuse("a percentage, such as time=10%");
  } else {
    throw InputError("--tolerance " + word.text + ": " + expected_one_of(word.name, kNames));
  }
}

}  // namespace

bool Slack::allows_growth(std::int64_t before, std::int64_t after) const {
  switch (kind) {
    case Kind::none:
      return after <= before;
    case Kind::amount:
      return after - before <= amount;
    case Kind::share:
      return static_cast<double>(after) <= static_cast<double>(before) * (1 + share);
    case Kind::any:
      return true;
  }
  return false;
}

bool Slack::allows(std::int64_t before, std::int64_t after) const {
  if (after >= before) return allows_growth(before, after);
  if (kind == Kind::share)
    return static_cast<double>(before - after) <= static_cast<double>(before) * share;
  return allows_growth(after, before);
}

std::optional<Slack> parse_slack(std::string_view text, bool is_count) {
  if (text == "any") return Slack{Slack::Kind::any};
  if (const auto share = parse_share(text)) return Slack{Slack::Kind::share, 0, *share};
  if (is_count) {
    const auto count = parse_count(text);
    return count ? std::optional(Slack{Slack::Kind::amount, *count}) : std::nullopt;
  }
  if (text == "0") return Slack{};
  if (parse_finite(text)) return std::nullopt;  // elsewhere GiB, which no tolerance is meant to be
  const auto bytes = parse_bytes(text);
  return bytes ? std::optional(Slack{Slack::Kind::amount, *bytes}) : std::nullopt;
}

Tolerance Tolerance::parse(const std::vector<std::string>& words) {
  Tolerance tolerance;
  for (const std::string& word : words) apply(Word(word), tolerance);
  return tolerance;
}

}  // namespace chitu::pipelines
