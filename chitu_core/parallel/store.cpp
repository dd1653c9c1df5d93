#include "chitu_core/parallel/store.h"

#include <fmt/format.h>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "chitu_core/common/error.h"

namespace chitu::parallel {

namespace {
using Handle = c10::intrusive_ptr<c10d::Store>;
using std::chrono::milliseconds;

std::vector<std::uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }
std::string text_of(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

std::string place(const Launch& launch) {
  return fmt::format("{}:{}", launch.address, launch.port);
}

bool serves(const Launch& launch) { return launch.rank == 0 && !launch.launcher_has_store; }

[[noreturn]] void fail_to_open(const Launch& launch, milliseconds limit, const std::string& why) {
  if (serves(launch) && why.find("EADDRINUSE") != std::string::npos)
    throw InputError(fmt::format(
        "MASTER_PORT={}: is in use on this host, expected a port that is free", launch.port));
  if (serves(launch))
    throw InputError(
        fmt::format("rank 0 cannot serve at MASTER_ADDR:MASTER_PORT={}: {}", place(launch), why));
  throw Error(fmt::format("cannot reach {} at {} within {:g} s (MASTER_ADDR, MASTER_PORT)",
                          launch.launcher_has_store ? launch.launcher : "rank 0", place(launch),
                          static_cast<double>(limit.count()) / 1000));
}

using Server = c10::intrusive_ptr<c10d::TCPStore>;

Server open(const std::string& address, int port, bool serves_it, milliseconds limit) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(port);
  options.isServer = serves_it;
  options.waitWorkers = false;
  options.timeout = limit / 2;  // c10d tries twice
  return c10::make_intrusive<c10d::TCPStore>(address, options);
}

Server open(const Launch& launch, milliseconds limit) {
  try {
    return open(launch.address, launch.port, serves(launch), limit);
  } catch (const std::exception& error) {
    fail_to_open(launch, limit, explain(error));
  }
}

Handle with_prefix(const std::string& prefix, const Handle& store) {
  return c10::make_intrusive<c10d::PrefixStore>(prefix, store);
}

}  // namespace

struct Store::Impl {
  Handle handle;
  int port = 0;
};

Store::Store(const Launch& launch, milliseconds limit)
    : impl_(std::make_unique<Impl>(
          Impl{with_prefix(fmt::format("chitu/{}", launch.attempt), open(launch, limit)),
               launch.port})) {}
Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

std::unique_ptr<Store> Store::serve(milliseconds limit) {
  const Server server = open("localhost", 0, true, limit);
  return std::unique_ptr<Store>(
      new Store(std::make_unique<Impl>(Impl{with_prefix("chitu/0", server), server->getPort()})));
}

std::unique_ptr<Store> Store::copy() const {
  return std::unique_ptr<Store>(
      new Store(std::make_unique<Impl>(Impl{impl_->handle->clone(), impl_->port})));
}

void Store::set(const std::string& key, const std::string& text) {
  impl_->handle->set(key, bytes_of(text));
}

std::vector<std::string> Store::get(const std::vector<std::string>& keys) {
  std::vector<std::string> texts;
  for (const auto& bytes : impl_->handle->multiGet(keys)) texts.push_back(text_of(bytes));
  return texts;
}

std::string Store::exchange(const std::string& key, const std::string& before,
                            const std::string& text) {
  return text_of(impl_->handle->compareSet(key, bytes_of(before), bytes_of(text)));
}

std::optional<std::string> Store::wait(const std::string& key, milliseconds limit) {
  try {
    impl_->handle->wait({key}, limit);
  } catch (const c10::DistStoreError&) {
    return std::nullopt;
  }
  return text_of(impl_->handle->get(key));
}

int Store::port() const { return impl_->port; }

Handle Store::c10d_store(const std::string& prefix) const {
  return with_prefix(prefix, impl_->handle);
}

}  // namespace chitu::parallel
