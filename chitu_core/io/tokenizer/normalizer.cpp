#include "chitu_core/io/tokenizer/normalizer.h"

#include <unicode/normalizer2.h>
#include <unicode/regex.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/io/base64.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/tokenizer/charsmap.h"
#include "chitu_core/io/utf8.h"

namespace chitu::io {
namespace {

icu::UnicodeString to_icu(std::string_view text) {
  return icu::UnicodeString::fromUTF8({text.data(), static_cast<std::int32_t>(text.size())});
}

std::string from_icu(const icu::UnicodeString& text) {
  std::string bytes;
  text.toUTF8String(bytes);
  return bytes;
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = text.find(from); at != std::string_view::npos; at = text.find(from, done)) {
    out.append(text.substr(done, at - done)).append(to);
    done = at + from.size();
  }
  return out.append(text.substr(done));
}

std::string replace_matches(const icu::RegexPattern& pattern, std::string_view text,
                            const icu::UnicodeString& content) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeString source = to_icu(text);
  const std::unique_ptr<icu::RegexMatcher> matcher(pattern.matcher(source, status));
  icu::UnicodeString out;
  std::int32_t done = 0;
  // Not with replaceAll(), which interprets $1 in the content.
  while (U_SUCCESS(status) && matcher->find(status)) {
    out.append(source, done, matcher->start(status) - done).append(content);
    done = matcher->end(status);
  }
  if (U_FAILURE(status))
    throw Error(std::string("ICU: regular expression: ") + u_errorName(status));
  return from_icu(out.append(source, done, source.length() - done));
}

std::function<std::string(std::string_view)> replace_step(const JsonObject& step) {
  const auto content = step.required<std::string>("content");
  const JsonObject pattern = step.object("pattern");
  if (pattern.contains("String")) {
    const auto from = pattern.required<std::string>("String");
    if (from.empty()) pattern.fail("String", "expected a text, got \"\"");
    return [from, content](std::string_view text) { return replace_all(text, from, content); };
  }
  const auto expression = pattern.required<std::string>("Regex");
  UErrorCode status = U_ZERO_ERROR;
  UParseError where;
  const std::shared_ptr<const icu::RegexPattern> compiled(
      icu::RegexPattern::compile(to_icu(expression), where, status));
  if (U_FAILURE(status))
    pattern.fail("Regex", "cannot use \"" + expression + "\": " + u_errorName(status));
  return [compiled, content = to_icu(content)](std::string_view text) {
    return replace_matches(*compiled, text, content);
  };
}

std::function<std::string(std::string_view)> precompiled_step(const JsonObject& step) {
  const auto blob = decode_base64(step.required<std::string>("precompiled_charsmap"));
  if (!blob) step.fail("precompiled_charsmap", "expected base64");
  const auto map = std::make_shared<const Charsmap>(*blob, step.name() + ": precompiled_charsmap");
  return [map](std::string_view text) { return map->apply(text); };
}

/// Empty if `type` is not a Unicode normalisation form.
std::function<std::string(std::string_view)> form_step(const std::string& type) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* form = nullptr;
  if (type == "NFC") form = icu::Normalizer2::getNFCInstance(status);
  if (type == "NFD") form = icu::Normalizer2::getNFDInstance(status);
  if (type == "NFKC") form = icu::Normalizer2::getNFKCInstance(status);
  if (type == "NFKD") form = icu::Normalizer2::getNFKDInstance(status);
  if (U_FAILURE(status)) throw Error(std::string("ICU: ") + type + ": " + u_errorName(status));
  if (form == nullptr) return {};
  return [form, type](std::string_view text) {
    UErrorCode failed = U_ZERO_ERROR;
    const icu::UnicodeString out = form->normalize(to_icu(text), failed);
    if (U_FAILURE(failed)) throw Error(std::string("ICU: ") + type + ": " + u_errorName(failed));
    return from_icu(out);
  };
}

/// One by one and without context, as the reference does.
std::string lowercase(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const char32_t character = next_character(text, i);
    if (character == U'\u0130')
      out += "i\u0307";  // the only character with a lower case of two characters
    else
      append_character(out, static_cast<char32_t>(u_tolower(static_cast<UChar32>(character))));
  }
  return out;
}

std::string strip(std::string_view text, bool left, bool right) {
  const std::u32string characters = to_utf32(text);
  std::size_t begin = 0;
  std::size_t end = characters.size();
  const auto space = [&](std::size_t i) {
    return u_isUWhiteSpace(static_cast<UChar32>(characters[i])) != 0;
  };
  while (left && begin < end && space(begin)) ++begin;
  while (right && end > begin && space(end - 1)) --end;
  return to_utf8(std::u32string_view(characters).substr(begin, end - begin));
}

}  // namespace

Normalizer::Normalizer(const nlohmann::json& json, const std::string& file) {
  if (!json.is_null()) add(json, file);
}

std::string Normalizer::apply(std::string_view text) const {
  std::string out(text);
  for (const Step& step : steps_) out = step(out);
  return out;
}

void Normalizer::add(const nlohmann::json& json, const std::string& file) {
  const JsonObject step(file + ": normalizer", json);
  const auto type = step.required<std::string>("type");
  if (type == "Sequence") {
    if (!json.contains("normalizers") || !json["normalizers"].is_array())
      step.fail("normalizers", "expected a list");
    for (const auto& inner : json["normalizers"]) add(inner, file);
  } else if (type == "Precompiled") {
    steps_.push_back(precompiled_step(step));
  } else if (type == "Replace") {
    steps_.push_back(replace_step(step));
  } else if (type == "Lowercase") {
    steps_.push_back(lowercase);
  } else if (type == "Strip") {
    const bool left = step.required<bool>("strip_left");
    const bool right = step.required<bool>("strip_right");
    steps_.push_back([=](std::string_view text) { return strip(text, left, right); });
  } else if (auto form = form_step(type)) {
    steps_.push_back(std::move(form));
  } else {
    step.fail("type", "\"" + type + "\" is not supported");
  }
}

}  // namespace chitu::io
