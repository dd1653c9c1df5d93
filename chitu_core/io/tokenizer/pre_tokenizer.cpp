#include "chitu_core/io/tokenizer/pre_tokenizer.h"

#include <unicode/uchar.h>

#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/tokenizer/regex_split.h"
#include "chitu_core/io/utf8.h"

namespace chitu::io {
namespace {

using Words = std::vector<std::string>;

/// Marks word beginnings with a visible character instead of a space.
struct Metaspace {
  std::string replacement;
  bool prepend = true;  ///< to every text that does not begin with the mark
  bool split = true;

  static Metaspace read(const JsonObject& step) {
    Metaspace metaspace;
    metaspace.replacement = step.value_or<std::string>("replacement", "▁");
    if (metaspace.replacement.empty() ||
        metaspace.replacement.size() != character_bytes(metaspace.replacement[0]))
      step.fail("replacement", "expected one character, got \"" + metaspace.replacement + "\"");
    metaspace.split = step.value_or("split", true);
    // Older files have only add_prefix_space; its false is used if no scheme is given.
    const bool add_prefix_space = step.value_or("add_prefix_space", true);
    const auto scheme =
        step.value_or<std::string>("prepend_scheme", add_prefix_space ? "always" : "never");
    // "first" depends on a word's position before normalising; no supported tokenizer uses it.
    if (scheme != "always" && scheme != "never")
      step.fail("prepend_scheme", "expected always or never, got \"" + scheme + "\"");
    metaspace.prepend = scheme == "always";
    return metaspace;
  }

  void operator()(const std::string& word, Words& out) const {
    std::string marked;
    for (const char byte : word)
      if (byte == ' ')
        marked += replacement;
      else
        marked += byte;
    if (prepend && !marked.starts_with(replacement)) marked.insert(0, replacement);
    if (!split) {
      out.push_back(std::move(marked));
      return;
    }
    // Every mark begins a word.
    std::size_t start = 0;
    while (start < marked.size()) {
      const std::size_t next = std::min(marked.find(replacement, start + 1), marked.size());
      out.push_back(marked.substr(start, next - start));
      start = next;
    }
  }
};

void split_at_white_space(const std::string& word, Words& out) {
  std::string part;
  for (std::size_t i = 0; i < word.size();) {
    const char32_t character = next_character(word, i);
    if (u_isUWhiteSpace(static_cast<UChar32>(character)) == 0) {
      append_character(part, character);
    } else if (!part.empty()) {
      out.push_back(std::move(part));
      part.clear();
    }
  }
  if (!part.empty()) out.push_back(std::move(part));
}

/// How ByteLevel cuts a text into words if the file gives no expression of its own.
constexpr const char* kByteLevelWords =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

RegexSplit split_at_matches(const JsonObject& step) {
  const auto behavior = step.value_or<std::string>("behavior", "Isolated");
  if (behavior != "Isolated") step.fail("behavior", "expected Isolated, got \"" + behavior + "\"");
  if (step.value_or("invert", false)) step.fail("invert", "expected false");
  const JsonObject pattern = step.object("pattern");
  return {pattern.required<std::string>("Regex"), pattern, "Regex"};
}

void begin_with_space(const std::string& word, Words& out) {
  out.push_back(word.starts_with(' ') ? word : " " + word);
}

}  // namespace

PreTokenizer::PreTokenizer(const nlohmann::json& json, const std::string& file, Symbols symbols)
    : symbols_(symbols) {
  if (!json.is_null()) add(json, file);
  if (symbols == Symbols::bytes && !is_byte_level_)
    throw InputError(file + ": pre_tokenizer: expected one with ByteLevel, since the model is BPE");
}

std::vector<std::string> PreTokenizer::split(std::string_view text) const {
  Words words;
  if (!text.empty()) words.emplace_back(text);
  for (const Step& step : steps_) {
    Words split;
    for (const std::string& word : words) step(word, split);
    words = std::move(split);
  }
  return words;
}

void PreTokenizer::add(const nlohmann::json& json, const std::string& file) {
  const JsonObject step(file + ": pre_tokenizer", json);
  const auto type = step.required<std::string>("type");
  if (type == "Sequence") {
    if (!json.contains("pretokenizers") || !json["pretokenizers"].is_array())
      step.fail("pretokenizers", "expected a list");
    for (const auto& inner : json["pretokenizers"]) add(inner, file);
  } else if (type == "Metaspace") {
    steps_.push_back(Metaspace::read(step));
  } else if (type == "WhitespaceSplit") {
    steps_.push_back(split_at_white_space);
  } else if (type == "Split") {
    steps_.push_back(split_at_matches(step));
  } else if (type == "ByteLevel" && symbols_ == Symbols::bytes) {
    add_byte_level(step);
  } else {
    step.fail("type", "\"" + type + "\" is not supported");
  }
}

void PreTokenizer::add_byte_level(const JsonObject& step) {
  is_byte_level_ = true;
  if (step.value_or("add_prefix_space", true)) steps_.push_back(begin_with_space);
  if (step.value_or("use_regex", true))
    steps_.push_back(RegexSplit(kByteLevelWords, step, "use_regex"));
}

}  // namespace chitu::io
