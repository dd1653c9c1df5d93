#include "chitu_core/config/override/casts.h"

#include <cmath>

#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/text.h"

namespace chitu::config {
namespace {

std::string_view name_of(Cast cast) {
  switch (cast) {
    case Cast::integer:
      return "int";
    case Cast::real:
      return "float";
    case Cast::string:
      return "str";
    case Cast::boolean:
      return "bool";
  }
  return "";
}

[[noreturn]] void refuse(Cast cast, const Node& value) {
  throw ConfigError(std::string(name_of(cast)) + "() cannot take " + show(value));
}

Node to_integer(const Node& value) {
  switch (value.kind()) {
    case Kind::integer:
      return value;
    case Kind::boolean:
      return Node(value.as_bool() ? 1 : 0);
    case Kind::real: {
      const double whole = std::trunc(value.as_real());
      if (!(whole >= -9.2e18 && whole <= 9.2e18)) break;
      return Node(static_cast<std::int64_t>(whole));
    }
    case Kind::string:
      if (const auto number = read_whole_number(value.text())) return *number;
      break;
    default:
      break;
  }
  refuse(Cast::integer, value);
}

Node to_real(const Node& value) {
  switch (value.kind()) {
    case Kind::integer:
    case Kind::real:
      return Node(value.as_real());
    case Kind::boolean:
      return Node(value.as_bool() ? 1.0 : 0.0);
    case Kind::string:
      if (const auto number = read_real(value.text())) return Node(*number);
      break;
    default:
      break;
  }
  refuse(Cast::real, value);
}

Node to_boolean(const Node& value) {
  switch (value.kind()) {
    case Kind::boolean:
      return value;
    case Kind::integer:
      return Node(value.as_real() != 0);
    case Kind::real:
      return Node(value.as_real() != 0);
    case Kind::string:
      if (lower(value.text()) == "true") return Node(true);
      if (lower(value.text()) == "false") return Node(false);
      break;
    default:
      break;
  }
  refuse(Cast::boolean, value);
}

Node to_string(const Node& value) {
  if (value.is_null()) refuse(Cast::string, value);
  return Node::literal(scalar_text(value));
}

}  // namespace

Node cast_value(Cast cast, const Node& value) {
  if (value.is_list()) {
    List items;
    for (const Node& item : value.list()) items.push_back(cast_value(cast, item));
    return Node(std::move(items));
  }
  if (value.is_map()) {
    Map entries;
    for (const Entry& entry : value.map()) entries.set(entry.key, cast_value(cast, entry.value));
    return Node(std::move(entries));
  }
  switch (cast) {
    case Cast::integer:
      return to_integer(value);
    case Cast::real:
      return to_real(value);
    case Cast::boolean:
      return to_boolean(value);
    case Cast::string:
      return to_string(value);
  }
  return value;
}

Sweep cast_sweep(Cast cast, Sweep sweep) {
  const bool number = cast == Cast::integer || cast == Cast::real;
  switch (sweep.type) {
    case ValueType::range:
      if (!number) throw ConfigError("a range can be cast to int or float only");
      sweep.step = cast_value(cast, sweep.step);
      [[fallthrough]];
    case ValueType::interval:
      if (!number) throw ConfigError("an interval cannot be cast to " + std::string(name_of(cast)));
      sweep.start = cast_value(cast, sweep.start);
      sweep.stop = cast_value(cast, sweep.stop);
      return sweep;
    case ValueType::glob:
      throw ConfigError("a glob cannot be cast");
    default:
      for (Node& choice : sweep.choices) choice = cast_value(cast, choice);
      return sweep;
  }
}

}  // namespace chitu::config
