#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::io {

/// What a repeated key in one JSON object means.
enum class DuplicateKeys {
  last_wins,  ///< as in Python's json module
  refused,    ///< InputError
};

/// Parses JSON text. Errors begin with `name` (a file, "standard input").
/// Throws InputError "<name>:<line>:<column>: <problem>"; also for values nested more than 200
/// levels deep.
nlohmann::json parse_json(std::string_view text, const std::string& name,
                          DuplicateKeys duplicates = DuplicateKeys::last_wins);

/// Parses a file. Throws InputError as parse_json() does, or "<path>: <reason>" when the file
/// cannot be read.
nlohmann::json read_json(const std::filesystem::path& path);

/// A JSON object with typed getters, whose errors name its file. T is one of: bool, int,
/// std::int64_t, double, std::string, a std::vector of bool, std::int64_t, double or std::string,
/// and std::optional of any of these, for which null is std::nullopt. An integer is a valid double;
/// nothing else is converted.
///
/// Errors are InputErrors such as `transformer/config.json: num_layers: expected an integer, got
/// "x"` and `transformer/config.json: num_layers: missing`.
class JsonObject {
 public:
  /// Reads a file whose top level must be an object.
  static JsonObject read(const std::filesystem::path& path);
  /// From a parsed value; errors begin with `name`. Throws InputError if it is not an object.
  JsonObject(std::string name, const nlohmann::json& object);

  /// The key's value. Throws InputError if it is missing or of another type.
  template <typename T>
  T required(const std::string& key) const;

  /// The key's value, or `fallback` if the key is missing or null.
  /// Throws InputError if it is of another type.
  template <typename T>
  T value_or(const std::string& key, T fallback) const;

  /// The object at a key; its errors name both keys. Throws InputError if it is missing.
  JsonObject object(const std::string& key) const;

  /// Whether the key exists, even if it is null.
  bool contains(const std::string& key) const;
  /// All keys, sorted.
  std::vector<std::string> keys() const;
  /// The keys that are not in `known`, not null, and do not begin with "_" (metadata), sorted.
  std::vector<std::string> unknown_keys(const std::vector<std::string>& known) const;

  const std::string& name() const { return name_; }
  const nlohmann::json& json() const { return *json_; }
  /// Throws InputError "<name>: <key>: <problem>".
  [[noreturn]] void fail(const std::string& key, const std::string& problem) const;

 private:
  std::string name_;
  std::string prefix_;  ///< "outer." for a nested object
  std::shared_ptr<const nlohmann::json> json_;
};

}  // namespace chitu::io
