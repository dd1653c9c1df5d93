#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chitu {

/// Options of compose(), which composes the shipped configurations as the command `chitu` does.
struct ComposeOptions {
  /// A folder with further groups, options and configs, as --config-dir; empty = none.
  std::string config_dir{};
  /// The primary config, as --config-name; empty = "chitu".
  std::string config_name{};
  /// As on the command line: "infer.diffusion.low_mem_level=2", "memory=fp8_disk", "seed=7".
  std::vector<std::string> overrides{};
};

/// A composed configuration: every key that the command knows (config/README.md lists them). A
/// value type. Use one object from one thread at a time; copies are independent.
///
/// The node `hydra` and the group `output` are composed and have no effect, since a program saves
/// by itself. An engine refuses the files of the group `debug`.
class Config {
 public:
  Config(const Config& other);
  Config(Config&& other) noexcept;
  Config& operator=(Config other) noexcept;
  ~Config();

  /// Sets a key that exists. Values and ranges are checked at once.
  ///
  /// key     dotted: "request.seed"; also a short form of the command: "seed"
  /// value   a bool, an integer, a floating-point number, text, a list of texts, or std::nullopt
  ///         for null; text is taken as it is and may not be an interpolation
  /// throws  ConfigError naming the nearest key when there is no such key, or what is expected when
  ///         the value does not fit; the configuration is then unchanged
  void set(std::string_view key, bool value);
  void set(std::string_view key, int value) { set(key, std::int64_t{value}); }
  void set(std::string_view key, std::int64_t value);
  void set(std::string_view key, std::uint64_t value);
  void set(std::string_view key, double value);
  void set(std::string_view key, std::string_view value);
  void set(std::string_view key, const char* value) { set(key, std::string_view(value)); }
  void set(std::string_view key, const std::vector<std::string>& value);
  void set(std::string_view key, std::nullopt_t);

  /// The value of a key, with interpolations resolved. T is bool, int, std::int64_t,
  /// std::uint64_t, double, std::string, std::vector<std::string>, or std::optional of one of these
  /// where the value may be null. An integer is also a double; nothing else is converted.
  ///
  ///     config.get<int>("request.seed");
  ///     config.get<std::optional<std::int64_t>>("request.width");
  ///
  /// throws  ConfigError when there is no such key, it has no value yet, or one of another type
  template <class T>
  T get(std::string_view key) const;

  /// The whole configuration as YAML, with interpolations resolved where they can be.
  std::string to_yaml() const;

 private:
  friend struct ConfigAccess;
  struct Impl;
  explicit Config(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

/// Composes a configuration. Safe from any thread.
///
/// throws  ConfigError or ConfigErrors as the command would: for a folder or config that does not
///         exist, an override that is malformed or names no key, a value of the wrong type or out
///         of range. A prompt may be missing: each request has its own.
Config compose(const ComposeOptions& options = {});

}  // namespace chitu
