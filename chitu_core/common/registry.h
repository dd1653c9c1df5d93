#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/nearest.h"

namespace chitu {

/// Objects of one kind, by their names in YAML.
template <class Base>
class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  void add(std::string name, std::unique_ptr<const Base> entry) {
    if (!entries_.emplace(name, std::move(entry)).second)
      throw Error(name + " is registered twice");
  }

  const Base* find(std::string_view name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : found->second.get();
  }

  /// `what` is the kind of object, for the error: "attention backend", "scheduler".
  const Base& at(std::string_view name, std::string_view what) const {
    if (const Base* found = find(name)) return *found;
    throw InputError("unknown " + std::string(what) + " " + std::string(name) + ", " +
                     expected_one_of(name, names()));
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, entry] : entries_) all.push_back(name);
    return all;
  }

  const auto& entries() const { return entries_; }

 private:
  std::map<std::string, std::unique_ptr<const Base>, std::less<>> entries_;
};

template <class Base, class Entry>
struct Registrar {
  explicit Registrar(const char* name) {
    Registry<Base>::instance().add(name, std::make_unique<const Entry>());
  }
};

}  // namespace chitu

/// Registers `Entry` in Registry<Base> as `name`. Write it at the end of the .cpp of the entry.
#define CHITU_REGISTER(Base, Entry, name) \
  const ::chitu::Registrar<Base, Entry> registered_##Entry(name)
