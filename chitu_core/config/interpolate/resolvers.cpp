#include "chitu_core/config/interpolate/resolvers.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <mutex>

#include "chitu_core/common/error.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/text.h"
#include "chitu_core/config/value/tokens.h"

namespace chitu::config {
namespace {

struct Registered {
  Resolver resolver;
  Caching caching = Caching::none;
  std::map<std::string, Node> cache;
};

struct Table {
  std::mutex mutex;
  std::map<std::string, Registered> entries;
};

std::timespec time_now() {
  std::timespec time{};
  std::timespec_get(&time, TIME_UTC);
  return time;
}

/// Fills in the codes that Python's datetime handles itself: %f is microseconds; %z, %Z and %:z are
/// empty, because datetime.now() has no time zone.
std::string with_python_codes(std::string_view format, const std::timespec& time) {
  std::string result;
  while (!format.empty()) {
    std::size_t size = 1;
    if (format.starts_with("%f")) {
      result += fmt::format("{:06}", time.tv_nsec / 1000);
      size = 2;
    } else if (format.starts_with("%z") || format.starts_with("%Z")) {
      size = 2;
    } else if (format.starts_with("%:z")) {
      size = 3;
    } else {
      size = format.starts_with('%') ? std::min<std::size_t>(2, format.size()) : 1;
      result += format.substr(0, size);
    }
    format.remove_prefix(size);
  }
  return result;
}

/// `${now:%Y-%m-%d}`: strftime of the time of its first use, the same for the whole run.
Node now(const ResolverCall& call) {
  if (call.arguments.size() != 1 || !call.arguments[0].is_string())
    throw ConfigError("now expects one format, as in ${now:%Y-%m-%d}");
  static const std::timespec start = time_now();
  std::tm parts{};
  localtime_r(&start.tv_sec, &parts);
  const std::string format = with_python_codes(call.arguments[0].text(), start);
  if (format.empty()) return Node::literal("");
  std::string text(format.size() * 32 + 64, '\0');  // %c is the longest code
  text.resize(std::strftime(text.data(), text.size(), format.c_str(), &parts));
  return Node::literal(text);
}

Table& table() {
  static Table table;
  static const bool filled = [] {
    table.entries["now"].resolver = now;
    return true;
  }();
  (void)filled;
  return table;
}

bool is_resolver_name(std::string_view name) {
  while (true) {
    const std::size_t size = identifier_size(name);
    if (size == 0) return false;
    name.remove_prefix(size);
    if (name.empty()) return true;
    if (name.front() != '.') return false;
    name.remove_prefix(1);
  }
}

std::string cache_key(const std::vector<Node>& arguments) {
  std::string key;
  for (const Node& argument : arguments)
    key += std::to_string(static_cast<int>(argument.kind())) + python_text(argument) + '\n';
  return key;
}

}  // namespace

void register_resolver(const std::string& name, Resolver resolver, Caching caching, bool replace) {
  if (!is_resolver_name(name)) throw Error("bad resolver name: " + name);
  if (name.starts_with("oc.") || name == "hydra") throw Error(name + " is a built-in resolver");
  Table& known = table();
  const std::lock_guard lock(known.mutex);
  if (known.entries.contains(name) && !replace) throw Error("resolver registered twice: " + name);
  known.entries[name] = {std::move(resolver), caching, {}};
}

std::optional<Resolver> find_resolver(const std::string& name) {
  Table& known = table();
  const std::lock_guard lock(known.mutex);
  const auto found = known.entries.find(name);
  if (found == known.entries.end()) return std::nullopt;
  if (found->second.caching == Caching::none) return found->second.resolver;
  return [name, resolver = found->second.resolver](const ResolverCall& call) {
    const std::string key = cache_key(call.arguments);
    Table& entries = table();
    {
      const std::lock_guard lock_lookup(entries.mutex);
      const auto entry = entries.entries.find(name);
      if (entry != entries.entries.end()) {
        const auto hit = entry->second.cache.find(key);
        if (hit != entry->second.cache.end()) return hit->second;
      }
    }
    Node value = resolver(call);  // unlocked: it may resolve other values
    const std::lock_guard lock_store(entries.mutex);
    const auto entry = entries.entries.find(name);
    if (entry != entries.entries.end()) entry->second.cache.emplace(key, value);
    return value;
  };
}

std::vector<std::string> resolver_names() {
  std::vector<std::string> names = {"hydra",        "oc.create",      "oc.decode", "oc.deprecated",
                                    "oc.dict.keys", "oc.dict.values", "oc.env",    "oc.select"};
  Table& known = table();
  const std::lock_guard lock(known.mutex);
  for (const auto& [name, entry] : known.entries) names.push_back(name);
  return names;
}

}  // namespace chitu::config
