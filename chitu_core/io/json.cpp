#include "chitu_core/io/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <type_traits>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/utf8.h"
#include "chitu_core/io/lfs_pointer.h"

namespace chitu::io {
namespace {

using Json = nlohmann::json;

/// "<name>:<line>:<column>" of a byte offset; both count from 1, columns in bytes.
std::string place(const std::string& name, std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return name + ":" + std::to_string(line) + ":" + std::to_string(before.size() - line_start + 1);
}

/// The library's message without its own prefix and place: "syntax error while parsing value -
/// ...".
std::string bare_message(const std::string& what) {
  const auto column = what.find("column ");
  const auto colon = column == std::string::npos ? what.find("] ") : what.find(": ", column);
  return colon == std::string::npos ? what : what.substr(colon + 2);
}

/// Called while a tree is built: rejects nesting that could exhaust the stack and, on request,
/// repeated keys.
class Guard {
 public:
  Guard(const std::string& name, DuplicateKeys duplicates) : name_(name), duplicates_(duplicates) {}

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth > kDeepest)
      throw InputError(fmt::format("{}: nested more than {} deep", name_, kDeepest));
    if (duplicates_ == DuplicateKeys::last_wins) return true;
    if (event == Event::object_start) open_.emplace_back();
    if (event == Event::object_end) open_.pop_back();
    if (event == Event::key && !open_.back().insert(parsed.get<std::string>()).second)
      throw InputError(name_ + ": the key " + parsed.dump() + " appears twice in one object");
    return true;
  }

 private:
  static constexpr int kDeepest = 200;
  const std::string& name_;
  DuplicateKeys duplicates_;
  std::vector<std::set<std::string>> open_;
};

/// A value for an error message: at most 60 bytes, cut between characters.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() > 60 ? shortened(text, 57) : text;
}

template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};

template <typename T>
std::string type_name() {
  if constexpr (IsVector<T>::value) {
    using Item = typename T::value_type;
    if constexpr (std::is_same_v<Item, bool>) return "a list of booleans";
    if constexpr (std::is_same_v<Item, double>) return "a list of numbers";
    if constexpr (std::is_same_v<Item, std::string>) return "a list of strings";
    return "a list of integers";
  } else {
    if constexpr (std::is_same_v<T, bool>) return "true or false";
    if constexpr (std::is_same_v<T, double>) return "a number";
    if constexpr (std::is_same_v<T, std::string>) return "a string";
    return "an integer";
  }
}

/// Empty when the value is not exactly a T.
template <typename T>
std::optional<T> converted(const Json& value) {
  if constexpr (IsVector<T>::value) {
    if (!value.is_array()) return std::nullopt;
    T items;
    for (const Json& item : value) {
      const auto one = converted<typename T::value_type>(item);
      if (!one) return std::nullopt;
      items.push_back(*one);
    }
    return items;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (value.is_boolean()) return value.get<bool>();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (value.is_string()) return value.get<std::string>();
  } else if constexpr (std::is_same_v<T, double>) {
    if (value.is_number()) return value.get<double>();
  } else {
    constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!value.is_number_integer()) return std::nullopt;
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > kLargest) return std::nullopt;
    const auto wide = value.get<std::int64_t>();
    if (std::in_range<T>(wide)) return static_cast<T>(wide);
  }
  return std::nullopt;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& name, DuplicateKeys duplicates) {
  try {
    return Json::parse(text.begin(), text.end(), Guard(name, duplicates));
  } catch (const Json::parse_error& error) {
    // The library counts bytes from 1.
    const std::size_t offset = error.byte > 0 ? error.byte - 1 : 0;
    throw InputError(place(name, text, offset) + ": " + bare_message(error.what()));
  } catch (const Json::exception& error) {  // a number that no double can hold
    throw InputError(name + ": " + bare_message(error.what()));
  }
}

Json read_json(const std::filesystem::path& path) {
  return parse_json(read_fetched_file(path), path.string());
}

JsonObject JsonObject::read(const std::filesystem::path& path) {
  return {path.string(), read_json(path)};
}

JsonObject::JsonObject(std::string name, const Json& object)
    : name_(std::move(name)), json_(std::make_shared<const Json>(object)) {
  if (!json_->is_object()) throw InputError(name_ + ": expected an object, got " + shown(*json_));
}

template <typename T>
T JsonObject::required(const std::string& key) const {
  const auto found = json_->find(key);
  if (found == json_->end()) fail(key, "missing");
  if constexpr (IsOptional<T>::value) {
    if (found->is_null()) return std::nullopt;
    return required<typename T::value_type>(key);
  } else {
    const auto value = converted<T>(*found);
    if (!value) fail(key, "expected " + type_name<T>() + ", got " + shown(*found));
    return *value;
  }
}

template <typename T>
T JsonObject::value_or(const std::string& key, T fallback) const {
  const auto found = json_->find(key);
  return found == json_->end() || found->is_null() ? fallback : required<T>(key);
}

JsonObject JsonObject::object(const std::string& key) const {
  const auto found = json_->find(key);
  if (found == json_->end()) fail(key, "missing");
  if (!found->is_object()) fail(key, "expected an object, got " + shown(*found));
  JsonObject inner(name_, *found);
  inner.prefix_ = prefix_ + key + ".";
  return inner;
}

bool JsonObject::contains(const std::string& key) const { return json_->contains(key); }

std::vector<std::string> JsonObject::keys() const {
  std::vector<std::string> names;
  for (const auto& [key, value] : json_->items()) names.push_back(key);
  return names;
}

std::vector<std::string> JsonObject::unknown_keys(const std::vector<std::string>& known) const {
  std::vector<std::string> unknown = keys();
  std::erase_if(unknown, [&](const std::string& key) {
    return key.starts_with('_') || json_->at(key).is_null() ||
           std::find(known.begin(), known.end(), key) != known.end();
  });
  return unknown;
}

void JsonObject::fail(const std::string& key, const std::string& problem) const {
  throw InputError(name_ + ": " + prefix_ + key + ": " + problem);
}

template bool JsonObject::required(const std::string&) const;
template bool JsonObject::value_or(const std::string&, bool) const;
template std::optional<bool> JsonObject::required(const std::string&) const;
template std::optional<bool> JsonObject::value_or(const std::string&, std::optional<bool>) const;
template int JsonObject::required(const std::string&) const;
template int JsonObject::value_or(const std::string&, int) const;
template std::optional<int> JsonObject::required(const std::string&) const;
template std::optional<int> JsonObject::value_or(const std::string&, std::optional<int>) const;
template std::int64_t JsonObject::required(const std::string&) const;
template std::int64_t JsonObject::value_or(const std::string&, std::int64_t) const;
template std::optional<std::int64_t> JsonObject::required(const std::string&) const;
template std::optional<std::int64_t> JsonObject::value_or(const std::string&,
                                                          std::optional<std::int64_t>) const;
template double JsonObject::required(const std::string&) const;
template double JsonObject::value_or(const std::string&, double) const;
template std::optional<double> JsonObject::required(const std::string&) const;
template std::optional<double> JsonObject::value_or(const std::string&,
                                                    std::optional<double>) const;
template std::string JsonObject::required(const std::string&) const;
template std::string JsonObject::value_or(const std::string&, std::string) const;
template std::optional<std::string> JsonObject::required(const std::string&) const;
template std::optional<std::string> JsonObject::value_or(const std::string&,
                                                         std::optional<std::string>) const;
template std::vector<bool> JsonObject::required(const std::string&) const;
template std::vector<bool> JsonObject::value_or(const std::string&, std::vector<bool>) const;
template std::optional<std::vector<bool>> JsonObject::required(const std::string&) const;
template std::optional<std::vector<bool>> JsonObject::value_or(
    const std::string&, std::optional<std::vector<bool>>) const;
template std::vector<std::int64_t> JsonObject::required(const std::string&) const;
template std::vector<std::int64_t> JsonObject::value_or(const std::string&,
                                                        std::vector<std::int64_t>) const;
template std::optional<std::vector<std::int64_t>> JsonObject::required(const std::string&) const;
template std::optional<std::vector<std::int64_t>> JsonObject::value_or(
    const std::string&, std::optional<std::vector<std::int64_t>>) const;
template std::vector<double> JsonObject::required(const std::string&) const;
template std::vector<double> JsonObject::value_or(const std::string&, std::vector<double>) const;
template std::optional<std::vector<double>> JsonObject::required(const std::string&) const;
template std::optional<std::vector<double>> JsonObject::value_or(
    const std::string&, std::optional<std::vector<double>>) const;
template std::vector<std::string> JsonObject::required(const std::string&) const;
template std::vector<std::string> JsonObject::value_or(const std::string&,
                                                       std::vector<std::string>) const;
template std::optional<std::vector<std::string>> JsonObject::required(const std::string&) const;
template std::optional<std::vector<std::string>> JsonObject::value_or(
    const std::string&, std::optional<std::vector<std::string>>) const;

}  // namespace chitu::io
