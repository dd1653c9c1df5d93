#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "chitu_core/config/bind/rule.h"
#include "chitu_core/config/interpolate/view.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/node.h"

namespace chitu::config {

class Binder;

/// A struct that declares its fields: `void bind(config::Binder& binder)`.
template <class T>
concept Schema =
    std::default_initializable<T> && requires(T config, Binder& binder) { config.bind(binder); };

/// An enumeration that names its values for YAML, found by argument-dependent lookup:
/// `constexpr auto config_names(Residency) { return std::array{std::pair{"resident",
/// Residency::resident}, ...}; }`
template <class T>
concept NamedEnum = std::is_enum_v<T> && requires(T value) { config_names(value); };

/// Its name in configurations; empty for a value that is no enumerator.
template <NamedEnum T>
constexpr std::string_view name_of(T value) {
  for (const auto& [name, enumerator] : config_names(value))
    if (value == enumerator) return name;
  return "";
}

/// A size in bytes, above 0: "8GiB", "512 MiB". A number without a unit, up to 1024, is in GiB.
struct Bytes {
  std::int64_t count = 0;
  bool operator==(const Bytes&) const = default;
};

/// A bandwidth above 0, written as Bytes; "/s" after the unit is optional.
struct BytesPerSecond {
  std::int64_t count = 0;
  bool operator==(const BytesPerSecond&) const = default;
};

/// An amount of memory above 0: a size, written as Bytes, or a percentage of what exists, "80%".
struct Amount {
  std::int64_t bytes = 0;  ///< 0 for a share
  double share = 0;        ///< above 0 and up to 1; 0 for bytes
  bool operator==(const Amount&) const = default;
};

/// A signed or unsigned 64-bit integer, as torch.Generator.manual_seed takes it. Only the bits
/// count: -1 and 2^64 - 1 are the same seed.
struct Seed {
  std::uint64_t bits = 0;
  bool operator==(const Seed&) const = default;
};

/// One value or a list of different ones: `mp4` or `[mp4, gif]`. Never empty when it was read.
template <class T>
struct OneOrMore {
  std::vector<T> items;
  bool operator==(const OneOrMore&) const = default;
};

/// One declared field, as describe_fields() lists it.
struct FieldInfo {
  std::string name;
  std::string type;           ///< "integer", "number", "boolean", "string", "size", ...
  std::string default_value;  ///< as YAML; "" when the field is required
  Rule rule;
  std::string help;
  bool optional = false;  ///< null is allowed
  bool required = false;
  std::vector<FieldInfo> children;  ///< of a nested struct, or of a list's or map's struct
};

/// Fills a struct from a configuration and collects every mistake; without a configuration it lists
/// the fields instead.
class Binder {
 public:
  /// Reads from this part of a configuration.
  explicit Binder(View view);
  /// Lists fields only.
  Binder();

  /// `value` keeps its default when the key is absent.
  template <class T>
  void field(std::string_view name, T& value, const Rule& rule = {}, std::string_view help = {}) {
    bind_field(name, value, rule, help, false);
  }
  template <class T>
  void field(std::string_view name, T& value, std::string_view help) {
    bind_field(name, value, Rule(), help, false);
  }

  /// As field, but the key must be there.
  template <class T>
  void required(std::string_view name, T& value, const Rule& rule = {},
                std::string_view help = {}) {
    bind_field(name, value, rule, help, true);
  }

  /// Every mistake so far, in the order of the fields; checks for unknown keys first.
  std::vector<std::string> finish();

  std::vector<FieldInfo> take_fields() { return std::move(fields_); }

 private:
  template <class T>
  void bind_field(std::string_view name, T& value, const Rule& rule, std::string_view help,
                  bool required);
  template <class T>
  void read_value(const View& view, T& value, const Rule& rule);
  template <class T>
  static FieldInfo info_of(const T& value, const Rule& rule);

  template <class T>
  void read_optional(const View& view, std::optional<T>& value, const Rule& rule);
  template <Schema T>
  void read_struct(const View& view, T& value, const Rule& rule);
  template <class T>
  void read_list(const View& view, std::vector<T>& value, const Rule& rule);
  template <class T, std::size_t N>
  void read_array(const View& view, std::array<T, N>& value, const Rule& rule);
  template <class T>
  void read_one_or_more(const View& view, OneOrMore<T>& value, const Rule& rule);
  template <class T>
  void read_map(const View& view, std::map<std::string, T>& value, const Rule& rule);
  template <NamedEnum T>
  void read_enum(const View& view, T& value);
  template <class T>
  void read_narrow_integer(const View& view, T& value, const Rule& rule);

  void read_scalar(const View& view, bool& value, const Rule& rule);
  void read_scalar(const View& view, std::int64_t& value, const Rule& rule);
  void read_scalar(const View& view, double& value, const Rule& rule);
  void read_scalar(const View& view, std::string& value, const Rule& rule);
  void read_scalar(const View& view, Bytes& value, const Rule& rule);
  /// A count above 0 with a unit.
  void read_count(const View& view, std::int64_t& count, const Rule& rule, const char* type,
                  std::optional<std::int64_t> (*parse)(std::string_view));
  void read_scalar(const View& view, BytesPerSecond& value, const Rule& rule);
  void read_scalar(const View& view, Amount& value, const Rule& rule);
  void read_scalar(const View& view, Seed& value, const Rule& rule);

  /// YAML reads an unquoted off or on as a boolean. Where "off" and "on" are among the choices,
  /// gives the word back. Returns whether it did, or has noted an error.
  bool read_switch(const View& view, const Rule& choices, std::string& text);

  std::optional<View> find(std::string_view name, const Rule& rule, bool required);
  /// The value of the view. Null, with an error added, when it is `???` or cannot be resolved.
  const Node* value_of(const View& view, const Rule& rule, std::string_view type);
  void refuse(const View& view, const Node& got, const Rule& rule, std::string_view type);
  void add_error(const View& view, std::string_view problem);
  void take_errors(Binder& nested);
  void add_field(FieldInfo info, std::string_view name, std::string_view help, bool required);
  void check_unknown_keys();
  std::string hint_for(const Entry& entry) const;

  std::optional<View> view_;
  std::vector<std::string> known_;
  std::vector<std::string> errors_;
  std::vector<FieldInfo> fields_;
};

/// Throws ConfigError, one line per mistake, unless the list is empty.
void throw_errors(const std::vector<std::string>& errors);

/// Fills a struct from a part of a composed configuration.
///
/// throws  ConfigError with one line per mistake: wrong types, values out of range, unknown keys,
///         `???`, interpolations that fail
template <Schema T>
T read(const View& view) {
  T config;
  Binder binder(view);
  config.bind(binder);
  throw_errors(binder.finish());
  return config;
}

/// The fields a struct declares, with their defaults.
template <Schema T>
std::vector<FieldInfo> describe_fields() {
  T config;
  Binder binder;
  config.bind(binder);
  return binder.take_fields();
}

}  // namespace chitu::config

#include "chitu_core/config/bind/binder_impl.h"
