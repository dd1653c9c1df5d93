#pragma once

#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/parallel/launch.h"

namespace c10d {
class Store;
}

namespace chitu::parallel {

/// Text by key that all ranks of a launch see: c10d's TCPStore, served by rank 0 or by the
/// launcher. Every call but wait() answers at once, as long as the server does; without it, a call
/// may never return, or throws. For one thread; copy() gives another one its own connection.
class Store {
 public:
  /// Connects, and on rank 0 serves the store if the launcher does not.
  ///
  /// limit   to reach rank 0
  /// throws  InputError when rank 0 cannot serve at the address; Error when it is not reached
  Store(const Launch& launch, std::chrono::milliseconds limit);
  /// Serves a store at a port of the system's choice.
  static std::unique_ptr<Store> serve(std::chrono::milliseconds limit);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  std::unique_ptr<Store> copy() const;

  void set(const std::string& key, const std::string& text);
  /// Of keys that are all set.
  std::vector<std::string> get(const std::vector<std::string>& keys);
  /// Sets the text if the key has the text `before`. Returns what it has now.
  std::string exchange(const std::string& key, const std::string& before, const std::string& text);
  /// Waits until the key is set, and gives its text; empty after the limit.
  std::optional<std::string> wait(const std::string& key, std::chrono::milliseconds limit);

  int port() const;
  /// For a process group of c10d, whose keys begin with this.
  c10::intrusive_ptr<c10d::Store> c10d_store(const std::string& prefix) const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace chitu::parallel
