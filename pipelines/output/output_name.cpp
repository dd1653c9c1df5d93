#include "pipelines/output/output_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <stdexcept>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/utf8.h"
#include "pipelines/model/request_json.h"

namespace chitu::pipelines {
namespace {

using nlohmann::json;

constexpr int kWidest = 255;                         // no name is longer
constexpr std::size_t kMostInError = 200;            // bytes of a template that an error repeats
constexpr std::string_view kUnsafe = "/\\:*?\"<>|";  // on Linux, Windows or macOS

/// The values of all fields but date and time. A list of LoRAs is no text for a name.
json values_of(const NameValues& values) {
  json all = to_json(values.request);
  all.erase("loras");
  all.erase("flexcache_params");
  all["index"] = values.index;
  all["model"] = values.model;
  return all;
}

/// Values of the type of each field, to try formats with. What a request may leave open is a
/// number, unless it is a picture.
json sample_values() {
  NameValues values;
  values.request.image = values.request.last_image = "image.png";
  values.request.image_sha256 = values.request.last_image_sha256 = std::string(64, '0');
  json sample = values_of(values);
  for (json& value : sample)
    if (value.is_null()) value = 1.0;
  return sample;
}

bool is_clock(const std::string& field) { return field == "date" || field == "time"; }

std::string clock_text(const std::string& pattern, std::time_t time) {
  std::tm parts{};
  ::localtime_r(&time, &parts);
  std::vector<char> text(4096);
  return std::string(text.data(), std::strftime(text.data(), text.size(), pattern.c_str(), &parts));
}

bool is_strftime(const std::string& field, const std::string& spec) {
  return is_clock(field) && spec.find('%') != std::string::npos;
}

/// A format spec of Python: an alignment, then what suits the type of the value.
std::regex spec_of(const std::string& rest) { return std::regex("(?:[^{}]{0,4}[<>^])?" + rest); }

/// Throws std::runtime_error, of which fmt::format_error is one, for a spec that does not suit.
void check_spec(const std::string& spec, const std::regex& suits) {
  std::smatch parts;
  if (!std::regex_match(spec, parts, suits)) throw std::runtime_error("bad format");
  for (std::size_t i = 1; i < parts.size(); ++i)
    if (parts[i].length() > 3 || std::atoi(parts[i].str().c_str()) > kWidest)
      throw std::runtime_error("too wide");
}

template <class T>
std::string formatted(const std::string& spec, const std::regex& suits, const T& value) {
  check_spec(spec, suits);
  return fmt::format(fmt::runtime("{:" + spec + "}"), value);
}

std::string formatted_text(const std::string& spec, const std::string& value) {
  static const std::regex text = spec_of("([1-9]\\d*)?(?:\\.(\\d+))?s?");
  return formatted(spec, text, value);
}

std::string formatted_value(const std::string& spec, const json& value) {
  static const std::regex integer = spec_of("[-+ ]?#?0?(\\d+)?[bdoxX]?");
  static const std::regex real = spec_of("[-+ ]?#?0?(\\d+)?(?:\\.(\\d+))?[eEfFgG]?");
  if (value.is_string()) return formatted_text(spec, value.get<std::string>());
  if (value.is_number_float()) return formatted(spec, real, value.get<double>());
  if (value.is_number_unsigned()) return formatted(spec, integer, value.get<std::uint64_t>());
  if (value.is_number_integer()) return formatted(spec, integer, value.get<std::int64_t>());
  return value.dump();  // null: as the checkpoint says
}

/// The text of one field, before unsafe characters are replaced.
std::string field_text(const std::string& field, const std::string& spec, const json& values,
                       std::time_t time) {
  if (is_strftime(field, spec)) return clock_text(spec, time);
  if (is_clock(field))
    return formatted_text(spec, clock_text(field == "date" ? "%Y-%m-%d" : "%H-%M-%S", time));
  return formatted_value(spec, values.at(field));
}

/// What a spec of this field looks like, for errors.
std::string example_spec(const std::string& field, const json& sample) {
  if (is_clock(field)) return "{" + field + ":%Y%m%d}";
  const json& value = sample.at(field);
  return "{" + field + (value.is_string() ? ":.40}" : value.is_number_float() ? ":.1f}" : ":04d}");
}

bool is_safe(std::string_view character) {
  return kUnsafe.find(character) == std::string_view::npos && one_line(character) == character;
}

std::string with_safe_characters(std::string_view text) {
  std::string safe;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = std::max<std::size_t>(1, character_size(text, at));
    const std::string_view character = text.substr(at, size);
    safe += is_safe(character) ? character : "_";
    at += size;
  }
  return safe;
}

}  // namespace

std::string model_name(const std::filesystem::path& ckpt_dir) {
  const auto whole = std::filesystem::absolute(ckpt_dir).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

std::string literal_template(const std::string& name) {
  std::string text;
  for (const char c : name) text.append(c == '{' || c == '}' ? 2 : 1, c);
  return text;
}

std::vector<std::string> NameTemplate::fields() {
  std::vector<std::string> names{"date", "time"};
  const json sample = sample_values();
  for (const auto& [name, value] : sample.items()) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

NameTemplate::NameTemplate(std::string text) : text_(std::move(text)) {
  parse();
  check_literals();
}

void NameTemplate::refuse(const std::string& problem) const {
  throw InputError("output.name='" + one_line(shortened(text_, kMostInError)) + "': " + problem);
}

void NameTemplate::parse() {
  std::string literal;
  for (std::size_t at = 0; at < text_.size();) {
    const char c = text_[at];
    if ((c == '{' || c == '}') && text_.substr(at + 1, 1) == std::string(1, c)) {
      literal += c;
      at += 2;
    } else if (c == '{') {
      const std::size_t end = text_.find_first_of("{}", at + 1);
      if (end == std::string::npos || text_[end] == '{')
        refuse("a { has no }; for a brace in the name write {{");
      if (!literal.empty()) pieces_.push_back({std::exchange(literal, {})});
      pieces_.push_back(parse_field(std::string_view(text_).substr(at + 1, end - at - 1)));
      at = end + 1;
    } else if (c == '}') {
      refuse("a } has no {; for a brace in the name write }}");
    } else {
      literal += c;
      ++at;
    }
  }
  if (!literal.empty()) pieces_.push_back({std::move(literal)});
}

NameTemplate::Piece NameTemplate::parse_field(std::string_view inside) const {
  const std::size_t colon = std::min(inside.find(':'), inside.size());
  Piece piece{std::string(inside.substr(0, colon)), true,
              std::string(inside.substr(std::min(colon + 1, inside.size())))};
  const auto known = fields();
  if (std::find(known.begin(), known.end(), piece.text) == known.end())
    refuse("unknown field {" + piece.text + "}, " + expected_one_of(piece.text, known));
  const json sample = sample_values();
  try {
    field_text(piece.text, piece.spec, sample, 0);
  } catch (const std::runtime_error&) {
    refuse("cannot format {" + piece.text + "} as '" + piece.spec + "', expected such as " +
           example_spec(piece.text, sample));
  }
  return piece;
}

void NameTemplate::check_literals() const {
  if (text_.empty()) refuse("expected a name or null");
  for (const Piece& piece : pieces_)
    if (!piece.is_field && with_safe_characters(piece.text) != piece.text)
      refuse(
          "a name of a file cannot hold / \\ : * ? \" < > | or control characters; the folder "
          "is hydra.run.dir");
  if (pieces_.front().text.starts_with('.') && !pieces_.front().is_field)
    refuse("expected a name that does not begin with a dot");
  for (const char* extension : {".mp4", ".gif", ".png"})
    if (text_.ends_with(extension))
      refuse(std::string("expected a name without ") + extension + ", which output.format adds");
}

std::string NameTemplate::name_for(const NameValues& values) const {
  const json all = values_of(values);
  std::string name;
  for (const Piece& piece : pieces_)
    name += piece.is_field
                ? with_safe_characters(field_text(piece.text, piece.spec, all, values.time))
                : piece.text;
  if (name.find_first_not_of(' ') == std::string::npos) refuse("the name is empty");
  if (name.front() == '.') name.front() = '_';
  return name;
}

}  // namespace chitu::pipelines
