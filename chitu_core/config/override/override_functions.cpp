#include "chitu_core/config/override/override_functions.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <random>

#include "chitu_core/common/nearest.h"
#include "chitu_core/config/override/casts.h"
#include "chitu_core/config/override/ranges.h"
#include "chitu_core/config/value/error.h"

namespace chitu::config {
namespace {

bool is_sweep(const Element& element) { return std::holds_alternative<Sweep>(element); }
bool is_choice(const Sweep& sweep) {
  return sweep.type == ValueType::choice || sweep.type == ValueType::simple_choice;
}
bool is_number(const Node& node) {
  return node.kind() == Kind::integer || node.kind() == Kind::real;
}

std::string show_element(const Element& element) {
  if (is_sweep(element)) return "a sweep";
  return show(std::get<Node>(element));
}

/// Assigns the arguments of a call to the parameters of a function.
class Arguments {
 public:
  Arguments(FunctionCall& call, std::vector<std::string> parameters, bool variadic)
      : call_(call), parameters_(std::move(parameters)), variadic_(variadic) {
    if (!variadic && call.positional.size() > parameters_.size())
      throw ConfigError(call.name + "() takes " + join(parameters_) + ", got " +
                        std::to_string(call.positional.size()) + " arguments");
    for (const auto& [name, value] : call.named) {
      const auto known = std::find(parameters_.begin(), parameters_.end(), name);
      if (known == parameters_.end())
        throw ConfigError(call.name + "() has no argument " + name +
                          did_you_mean(name, parameters_) +
                          (parameters_.empty() ? "" : "; it has " + join(parameters_)));
      const auto same = [&](const auto& other) { return other.first == name; };
      if (std::count_if(call.named.begin(), call.named.end(), same) > 1 ||
          (!variadic &&
           static_cast<std::size_t>(known - parameters_.begin()) < call.positional.size()))
        throw ConfigError(call.name + "() got " + name + " twice");
    }
  }

  std::vector<Element>& positional() { return call_.positional; }

  Element* named(const std::string& name) {
    for (auto& [known, value] : call_.named)
      if (known == name) return &value;
    if (variadic_) return nullptr;
    const auto at = static_cast<std::size_t>(
        std::find(parameters_.begin(), parameters_.end(), name) - parameters_.begin());
    return at < call_.positional.size() ? &call_.positional[at] : nullptr;
  }

  /// A number; `fallback` when absent, an error without one.
  Node number(const std::string& name, const Node* fallback) {
    Element* element = named(name);
    if (!element) {
      if (!fallback) throw ConfigError(call_.name + "() needs " + name);
      return *fallback;
    }
    const Node* node = std::get_if<Node>(element);
    if (!node || !is_number(*node))
      throw ConfigError(name + " of " + call_.name + "() must be a number, got " +
                        show_element(*element));
    return *node;
  }

 private:
  FunctionCall& call_;
  std::vector<std::string> parameters_;
  bool variadic_;
};

Sweep simple_choice(std::vector<Element>& elements) {
  Sweep sweep;
  sweep.type = ValueType::simple_choice;
  for (Element& element : elements) {
    if (is_sweep(element)) throw ConfigError("a sweep inside a sweep is not possible");
    sweep.choices.push_back(std::get<Node>(std::move(element)));
  }
  return sweep;
}

Element choice(FunctionCall& call) {
  Arguments arguments(call, {}, true);
  if (call.positional.empty()) throw ConfigError("choice() needs at least one value");
  if (call.positional.size() == 1 && is_sweep(call.positional[0])) {
    Sweep& only = std::get<Sweep>(call.positional[0]);
    if (only.type != ValueType::simple_choice)
      throw ConfigError("choice() takes values, not another sweep");
    only.type = ValueType::choice;
    return std::move(only);
  }
  Sweep sweep = simple_choice(call.positional);
  for (const Node& value : sweep.choices)
    if (value.is_null()) throw ConfigError("choice() takes no null; the form a,null does");
  sweep.type = ValueType::choice;
  return sweep;
}

Element range(FunctionCall& call) {
  Arguments arguments(call, {"start", "stop", "step"}, false);
  const Node zero(0), one(1);
  Sweep sweep;
  sweep.type = ValueType::range;
  sweep.start = arguments.number("start", nullptr);
  const Element* stop = arguments.named("stop");
  const bool no_stop = !stop || (!is_sweep(*stop) && std::get<Node>(*stop).is_null());
  sweep.stop = no_stop ? sweep.start : arguments.number("stop", nullptr);
  if (no_stop) sweep.start = zero;
  sweep.step = arguments.number("step", &one);
  return sweep;
}

Element interval(FunctionCall& call) {
  Arguments arguments(call, {"start", "end"}, false);
  Sweep sweep;
  sweep.type = ValueType::interval;
  sweep.start = Node(arguments.number("start", nullptr).as_real());
  sweep.stop = Node(arguments.number("end", nullptr).as_real());
  return sweep;
}

std::vector<std::string> patterns(const Element& element, const char* name) {
  const Node* node = std::get_if<Node>(&element);
  std::vector<std::string> texts;
  if (node && node->is_string()) {
    texts.push_back(node->text());
  } else if (node && node->is_list()) {
    for (const Node& item : node->list()) {
      if (!item.is_string())
        throw ConfigError(std::string(name) + " of glob() must be strings, got " + show(item));
      texts.push_back(item.text());
    }
  } else {
    throw ConfigError(std::string(name) + " of glob() must be a string or a list of strings, got " +
                      show_element(element));
  }
  return texts;
}

Element glob(FunctionCall& call) {
  Arguments arguments(call, {"include", "exclude"}, false);
  Sweep sweep;
  sweep.type = ValueType::glob;
  const Element* include = arguments.named("include");
  if (!include) throw ConfigError("glob() needs include, a pattern such as *");
  sweep.include = patterns(*include, "include");
  const Element* exclude = arguments.named("exclude");
  if (exclude && (is_sweep(*exclude) || !std::get<Node>(*exclude).is_null()))
    sweep.exclude = patterns(*exclude, "exclude");
  return sweep;
}

Element tag(FunctionCall& call) {
  Arguments arguments(call, {"sweep"}, true);
  if (call.positional.empty()) throw ConfigError("tag() needs tags and a sweep");
  if (Element* named = arguments.named("sweep")) call.positional.push_back(std::move(*named));
  Sweep* sweep = std::get_if<Sweep>(&call.positional.back());
  if (!sweep || sweep->type == ValueType::glob)
    throw ConfigError("the last argument of tag() must be a choice(), range() or interval(), got " +
                      show_element(call.positional.back()));
  sweep->tags.clear();
  for (std::size_t i = 0; i + 1 < call.positional.size(); ++i) {
    const Node* name = std::get_if<Node>(&call.positional[i]);
    if (!name || !name->is_string())
      throw ConfigError("the tags of tag() must be strings, got " +
                        show_element(call.positional[i]));
    sweep->tags.push_back(name->text());
  }
  std::sort(sweep->tags.begin(), sweep->tags.end());
  sweep->tags.erase(std::unique(sweep->tags.begin(), sweep->tags.end()), sweep->tags.end());
  return std::move(*sweep);
}

/// The argument of sort and shuffle when there is only one: positional, list= or sweep=. Else null.
Element* only_argument(Arguments& arguments) {
  for (const char* name : {"list", "sweep"})
    if (Element* named = arguments.named(name)) return named;
  return arguments.positional().size() == 1 ? &arguments.positional()[0] : nullptr;
}

Element shuffle(FunctionCall& call) {
  Arguments arguments(call, {"sweep", "list"}, true);
  Element* only = only_argument(arguments);
  if (!only) {
    Sweep sweep = simple_choice(call.positional);
    sweep.shuffle = true;
    return sweep;
  }
  if (Sweep* sweep = std::get_if<Sweep>(only)) {
    if (!is_choice(*sweep) && sweep->type != ValueType::range)
      throw ConfigError("shuffle() takes a choice, a range or a list");
    sweep->shuffle = true;
    return std::move(*sweep);
  }
  Node& node = std::get<Node>(*only);
  if (!node.is_list()) return Node(List{node});
  std::shuffle(node.list().begin(), node.list().end(), std::mt19937(std::random_device()()));
  return std::move(node);
}

bool less(const Node& a, const Node& b) {
  const auto numeric = [](const Node& node) {
    return is_number(node) || node.kind() == Kind::boolean;
  };
  const auto value = [](const Node& node) {
    return node.kind() == Kind::boolean ? (node.as_bool() ? 1.0 : 0.0) : node.as_real();
  };
  if (a.kind() == Kind::integer && b.kind() == Kind::integer) return integer_less(a, b);
  if (numeric(a) && numeric(b)) return value(a) < value(b);
  if (a.is_string() && b.is_string()) return a.text() < b.text();
  if (a.is_list() && b.is_list())
    return std::lexicographical_compare(a.list().begin(), a.list().end(), b.list().begin(),
                                        b.list().end(), less);
  throw ConfigError("sort() cannot compare " + show(a) + " with " + show(b));
}

void sort_values(List& values, bool reverse) {
  // As in Python, equal values keep their order also when sorted in reverse.
  std::stable_sort(values.begin(), values.end(),
                   [&](const Node& a, const Node& b) { return reverse ? less(b, a) : less(a, b); });
}

/// Reverses a range that runs in the other direction: from its last number to one step beyond its
/// first.
void sort_range(Sweep& sweep, bool reverse) {
  const double start = sweep.start.as_real(), stop = sweep.stop.as_real();
  if (reverse ? start >= stop : start <= stop) return;
  const bool whole = sweep.step.kind() == Kind::integer;
  const bool positive = sweep.step.as_real() > 0;
  const auto moved = [&](const Node& number) {
    const int sign = (reverse ? -1 : 1) * (positive ? 1 : -1);
    if (number.kind() == Kind::integer && whole)
      return Node(number.as_integer() + sign * sweep.step.as_integer());
    return Node(number.as_real() + sign * sweep.step.as_real());
  };
  Node first = moved(sweep.stop);
  const List values = range_values(sweep.start, sweep.stop, sweep.step);
  // The last number may be less than one step from the stop.
  if (!values.empty() && values.back().as_real() != first.as_real()) first = values.back();
  sweep.stop = moved(sweep.start);
  sweep.start = first;
  sweep.step = whole ? Node(-sweep.step.as_integer()) : Node(-sweep.step.as_real());
}

Element sort(FunctionCall& call) {
  Arguments arguments(call, {"sweep", "list", "reverse"}, true);
  bool reverse = false;
  if (const Element* flag = arguments.named("reverse")) {
    const Node* node = std::get_if<Node>(flag);
    if (!node || node->kind() != Kind::boolean)
      throw ConfigError("reverse of sort() must be true or false, got " + show_element(*flag));
    reverse = node->as_bool();
  }
  Element* only = only_argument(arguments);
  if (!only) {
    if (call.positional.empty()) throw ConfigError("sort() needs something to sort");
    Sweep sweep = simple_choice(call.positional);
    for (const Node& value : sweep.choices)
      if (value.is_container() || value.is_null())
        throw ConfigError("sort() takes scalars, or one list, got " + show(value));
    sort_values(sweep.choices, reverse);
    return sweep;
  }
  if (Sweep* sweep = std::get_if<Sweep>(only)) {
    if (is_choice(*sweep))
      sort_values(sweep->choices, reverse);
    else if (sweep->type == ValueType::range)
      sort_range(*sweep, reverse);
    else
      throw ConfigError("sort() takes a choice, a range or a list");
    return std::move(*sweep);
  }
  Node& node = std::get<Node>(*only);
  if (node.is_list()) sort_values(node.list(), reverse);
  return std::move(node);
}

template <Cast cast>
Element run_cast(FunctionCall& call) {
  Arguments arguments(call, {"value"}, true);
  Element* value = arguments.named("value");
  if (value && !call.positional.empty())
    throw ConfigError(call.name + "() takes either value= or values, not both");
  if (!value && call.positional.empty()) throw ConfigError(call.name + "() needs a value");
  if (call.positional.size() > 1) return cast_sweep(cast, simple_choice(call.positional));
  if (!value) value = &call.positional[0];
  if (Sweep* sweep = std::get_if<Sweep>(value)) return cast_sweep(cast, std::move(*sweep));
  return cast_value(cast, std::get<Node>(*value));
}

using Function = Element (*)(FunctionCall&);

const std::map<std::string, Function, std::less<>>& functions() {
  static const std::map<std::string, Function, std::less<>> known = {
      {"bool", run_cast<Cast::boolean>},
      {"choice", choice},
      {"float", run_cast<Cast::real>},
      {"glob", glob},
      {"int", run_cast<Cast::integer>},
      {"interval", interval},
      {"range", range},
      {"shuffle", shuffle},
      {"sort", sort},
      {"str", run_cast<Cast::string>},
      {"tag", tag}};
  return known;
}

// A quoted argument loses its quotes; strings in lists and maps keep theirs.
void unquote(Element& element) {
  if (Node* node = std::get_if<Node>(&element)) node->set_quote(0);
}

}  // namespace

Element call_function(FunctionCall call) {
  const auto found = functions().find(call.name);
  if (found == functions().end()) {
    std::vector<std::string> names;
    for (const auto& [name, function] : functions()) names.push_back(name);
    throw ConfigError("unknown function " + call.name + did_you_mean(call.name, names) +
                      "; known: " + join(names));
  }
  for (Element& element : call.positional) unquote(element);
  for (auto& [name, element] : call.named) unquote(element);
  return found->second(call);
}

}  // namespace chitu::config
