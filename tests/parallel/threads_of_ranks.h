#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "chitu_core/parallel/ranks.h"

namespace chitu::testing {

/// A port that no process of this host listens at.
inline int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ::bind(socket, reinterpret_cast<sockaddr*>(&address), length);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  ::close(socket);
  return ntohs(address.sin_port);
}

/// Calls `work` on every rank of a launch, each in a thread of this process. Returns what each
/// threw, as text; empty for nothing.
///
/// groups  of ranks that the launch has, as the options describe one
inline std::vector<std::string> on_ranks(
    const parallel::ParallelOptions& options, const std::function<void(parallel::Ranks&)>& work,
    std::chrono::milliseconds limit = std::chrono::seconds(20),
    const std::function<void(const parallel::Failure&)>& end_process = {}, int groups = 1) {
  const int port = free_port(), size = options.world_size() * groups;
  std::vector<std::string> errors(static_cast<std::size_t>(size));
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      try {
        parallel::Ranks ranks({.launcher = "torchrun",
                               .rank = rank,
                               .size = size,
                               .address = "127.0.0.1",
                               .port = port},
                              options, limit, end_process);
        work(ranks);
        ranks.monitor().finish();
      } catch (const std::exception& error) {
        errors[static_cast<std::size_t>(rank)] = explain(error);
      }
    });
  threads.clear();
  return errors;
}

}  // namespace chitu::testing
