#pragma once

#include <memory>
#include <string>

#include "chitu_core/parallel/transport.h"

namespace chitu::parallel {

class Monitor;
class Store;

/// Whether this build has gloo, c10d's transport over TCP.
bool has_gloo();

/// Connects all ranks of a launch by gloo. Tensors on a device travel through host memory; these
/// copies count as its traffic. An exchange that another rank cannot finish throws what the monitor
/// knows about that rank.
///
/// store    outlives the transport
/// address  of the host of rank 0: its network is used, unless GLOO_SOCKET_IFNAME names an
///          interface
/// monitor  outlives the transport and its groups
/// throws   Error if this build has no gloo, or ranks cannot be reached
std::unique_ptr<Transport> connect_gloo(Store& store, int rank, int size,
                                        const std::string& address, Monitor& monitor);

}  // namespace chitu::parallel
