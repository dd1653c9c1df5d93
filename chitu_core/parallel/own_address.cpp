#include "chitu_core/parallel/own_address.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>

#include "chitu_core/common/error.h"
#include "chitu_core/common/system_limits.h"

namespace chitu::parallel {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses look_up(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  // Any port: nothing is sent to it.
  if (const int error = ::getaddrinfo(host.c_str(), "9", &wanted, &found); error != 0)
    throw Error(fmt::format("MASTER_ADDR={}: {}", host, ::gai_strerror(error)));
  return {found, &::freeaddrinfo};
}

/// Connecting a datagram socket only asks the routing table.
std::optional<std::string> own_end(const addrinfo& to) {
  const int socket = ::socket(to.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return std::nullopt;
  sockaddr_storage own{};
  socklen_t length = sizeof(own);
  const bool known = ::connect(socket, to.ai_addr, to.ai_addrlen) == 0 &&
                     ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &length) == 0;
  ::close(socket);
  std::array<char, NI_MAXHOST> text{};
  if (!known || ::getnameinfo(reinterpret_cast<sockaddr*>(&own), length, text.data(), text.size(),
                              nullptr, 0, NI_NUMERICHOST) != 0)
    return std::nullopt;
  return text.data();
}

}  // namespace

std::string own_address_towards(const std::string& host) {
  const Addresses all = look_up(host);
  for (const addrinfo* one = all.get(); one; one = one->ai_next)
    if (auto address = own_end(*one)) return *address;
  throw Error(
      fmt::format("MASTER_ADDR={}: no network leads there: {}", host, system_reason(errno)));
}

}  // namespace chitu::parallel
