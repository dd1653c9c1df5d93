#include "chitu_core/config/bind/rule.h"

#include <algorithm>
#include <cmath>

#include "chitu_core/common/nearest.h"
#include "chitu_core/config/value/text.h"

namespace chitu::config {
namespace {

std::string number_text(double number) {
  // Whole numbers without ".0"; others as Python prints them.
  if (number == std::floor(number) && std::fabs(number) < 1e15)
    return std::to_string(static_cast<std::int64_t>(number));
  return python_float(number);
}

}  // namespace

bool Rule::empty() const { return !least && !most && !multiple && choices.empty(); }

bool Rule::holds(double number) const {
  if (described_only) return true;
  if (!std::isfinite(number)) return empty();
  if (least && (number < *least || (above_least && number == *least))) return false;
  if (most && number > *most) return false;
  return !multiple || std::fmod(number, static_cast<double>(*multiple)) == 0;
}

bool Rule::holds(std::int64_t number) const {
  if (described_only) return true;
  if (multiple && number % *multiple != 0) return false;
  Rule range = *this;
  range.multiple.reset();
  return range.holds(static_cast<double>(number)) &&
         (choices.empty() ||
          std::find(choices.begin(), choices.end(), std::to_string(number)) != choices.end());
}

bool Rule::holds(std::string_view text) const {
  return described_only || choices.empty() ||
         std::find(choices.begin(), choices.end(), text) != choices.end();
}

std::string Rule::expected() const {
  std::vector<std::string> parts;
  if (least && most && !above_least) {
    parts.push_back(number_text(*least) + " to " + number_text(*most));
  } else {
    if (least) parts.push_back((above_least ? "more than " : "at least ") + number_text(*least));
    if (most) parts.push_back("at most " + number_text(*most));
  }
  if (multiple) parts.push_back("a multiple of " + std::to_string(*multiple));
  if (!choices.empty()) parts.push_back("one of " + join(choices));
  return join(parts);
}

Rule between(double least, double most) {
  Rule rule;
  rule.least = least;
  rule.most = most;
  return rule;
}
Rule at_least(double least) {
  Rule rule;
  rule.least = least;
  return rule;
}
Rule more_than(double least) {
  Rule rule = at_least(least);
  rule.above_least = true;
  return rule;
}
Rule multiple_of(std::int64_t factor) {
  Rule rule;
  rule.multiple = factor;
  return rule;
}
Rule one_of(std::vector<std::string> choices) {
  Rule rule;
  rule.choices = std::move(choices);
  return rule;
}

Rule described(Rule rule) {
  rule.described_only = true;
  return rule;
}

Rule operator&&(Rule a, const Rule& b) {
  if (b.least) {
    a.least = b.least;
    a.above_least = b.above_least;
  }
  if (b.most) a.most = b.most;
  if (b.multiple) a.multiple = b.multiple;
  if (!b.choices.empty()) a.choices = b.choices;
  return a;
}

}  // namespace chitu::config
