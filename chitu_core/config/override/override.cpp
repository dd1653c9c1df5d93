#include "chitu_core/config/override/override.h"

#include <fnmatch.h>

#include <algorithm>
#include <random>

#include "chitu_core/common/utf8.h"
#include "chitu_core/config/override/ranges.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/limits.h"
#include "chitu_core/config/value/text.h"

namespace chitu::config {
namespace {

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (std::string_view("\\()[]{}:=, \t").find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

std::string key_text(const Key& key) {
  if (key.kind == Kind::boolean) return key.text == "true" ? "True" : "False";
  return key.kind == Kind::string ? escaped(key.text) : key.text;
}

std::string_view name_of(OverrideType type) {
  switch (type) {
    case OverrideType::change:
      return "CHANGE";
    case OverrideType::add:
      return "ADD";
    case OverrideType::force_add:
      return "FORCE_ADD";
    case OverrideType::remove:
      return "DEL";
  }
  return "";
}

Node name_of(ValueType type) {
  switch (type) {
    case ValueType::none:
      return Node();
    case ValueType::element:
      return Node("ELEMENT");
    case ValueType::simple_choice:
      return Node("SIMPLE_CHOICE_SWEEP");
    case ValueType::choice:
      return Node("CHOICE_SWEEP");
    case ValueType::range:
      return Node("RANGE_SWEEP");
    case ValueType::interval:
      return Node("INTERVAL_SWEEP");
    case ValueType::glob:
      return Node("GLOB_CHOICE_SWEEP");
  }
  return Node();
}

Node texts(const std::vector<std::string>& items) {
  List list;
  for (const std::string& item : items) list.push_back(Node::literal(item));
  return Node(std::move(list));
}

Node describe_sweep(const Sweep& sweep) {
  Map map;
  switch (sweep.type) {
    case ValueType::range:
      map.set("$sweep", Node("range"));
      map.set("start", sweep.start);
      map.set("stop", sweep.stop);
      map.set("step", sweep.step);
      map.set("shuffle", Node(sweep.shuffle));
      map.set("tags", texts(sweep.tags));
      break;
    case ValueType::interval:
      map.set("$sweep", Node("interval"));
      map.set("start", sweep.start);
      map.set("end", sweep.stop);
      map.set("tags", texts(sweep.tags));
      break;
    case ValueType::glob:
      map.set("$sweep", Node("glob"));
      map.set("include", texts(sweep.include));
      map.set("exclude", texts(sweep.exclude));
      break;
    default:
      map.set("$sweep", Node("choice"));
      map.set("simple", Node(sweep.type == ValueType::simple_choice));
      map.set("shuffle", Node(sweep.shuffle));
      map.set("tags", texts(sweep.tags));
      map.set("list", Node(sweep.choices));
  }
  return Node(std::move(map));
}

bool matches(const std::string& name, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
  });
}

}  // namespace

std::string quoted_text(std::string_view text, char quote) {
  std::string result(1, quote);
  std::size_t backslashes = 0;
  for (const char c : text) {
    if (c == '\\') {
      ++backslashes;
      result += c;
      continue;
    }
    if (c == quote) {
      // Double the backslashes before the quote, and add one for the quote.
      result.append(backslashes + 1, '\\');
    }
    backslashes = 0;
    result += c;
  }
  result.append(backslashes, '\\');
  return result + quote;
}

bool Override::is_hydra() const { return key.starts_with("hydra.") || key.starts_with("hydra/"); }

std::string Override::key_with_package() const { return package ? key + "@" + *package : key; }

std::string Override::key_element() const {
  constexpr std::string_view kPrefix[] = {"", "+", "++", "~"};
  return std::string(kPrefix[static_cast<std::size_t>(type)]) + key_with_package();
}

Node Override::config_value() const {
  Node copy = reread(value);
  return copy.at_origin(origin);
}

Override text_override(std::string_view key, std::string_view text) {
  Override made = parse_override(std::string(key) + "=");
  if (const auto bad = first_bad_byte(text))
    throw ConfigError(made.key_element() + ": not valid UTF-8 at byte " + std::to_string(*bad + 1));
  made.value = Node::literal(std::string(text));
  made.value.set_quote('\'');
  made.value_type = ValueType::element;
  made.text = made.key_element() + "=" + quoted_text(text, '\'');
  made.origin.text = std::make_shared<const std::string>(made.text);
  return made;
}

std::string override_text(const Node& value) {
  switch (value.kind()) {
    case Kind::null:
      return "null";
    case Kind::list: {
      std::string text = "[";
      for (const Node& item : value.list())
        text += (&item == value.list().data() ? "" : ",") + override_text(item);
      return text + "]";
    }
    case Kind::map: {
      std::string text = "{";
      for (const Entry& entry : value.map())
        text += (&entry == value.map().begin() ? "" : ",") + key_text(entry.key) + ":" +
                override_text(entry.value);
      return text + "}";
    }
    case Kind::string:
    case Kind::missing:
    case Kind::interpolation:
      return value.quote() ? quoted_text(value.text(), value.quote()) : escaped(value.text());
    default:
      return python_text(value);
  }
}

List sweep_values(const Sweep& sweep, const std::vector<std::string>& options) {
  List values;
  switch (sweep.type) {
    case ValueType::interval:
      throw ConfigError(
          "an interval has infinitely many values: the basic sweeper takes choice(), "
          "range() and glob()");
    case ValueType::glob:
      for (const std::string& option : options)
        if (matches(option, sweep.include) && !matches(option, sweep.exclude))
          values.push_back(Node::literal(option));
      break;
    case ValueType::range:
      values = range_values(sweep.start, sweep.stop, sweep.step);
      break;
    default:
      values = sweep.choices;
  }
  if (values.size() > kMaxJobs)
    throw ConfigError("the sweep has more than " + std::to_string(kMaxJobs) + " values");
  if (sweep.shuffle)
    std::shuffle(values.begin(), values.end(), std::mt19937(std::random_device()()));
  return values;
}

Node describe_override(const Override& parsed) {
  Map map;
  map.set("type", Node(name_of(parsed.type)));
  map.set("key", Node::literal(parsed.key));
  map.set("package", parsed.package ? Node::literal(*parsed.package) : Node());
  map.set("value_type", name_of(parsed.value_type));
  map.set("value", parsed.is_sweep() ? describe_sweep(parsed.sweep) : parsed.value);
  return Node(std::move(map));
}

}  // namespace chitu::config
