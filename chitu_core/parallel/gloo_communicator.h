#pragma once

#include <memory>
#include <string>

#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/options.h"

namespace chitu::parallel {

class Monitor;
class Store;

/// Whether this build has gloo, c10d's transport over TCP.
bool has_gloo();

/// Connects all ranks of a launch by gloo and makes their groups. Tensors on a device travel
/// through host memory; these copies count as its traffic. An exchange that another rank cannot
/// finish throws what the monitor knows about that rank.
///
/// store    outlives the groups
/// rank     of the world, whose size is that of the options
/// address  of the host of rank 0: its network is used, unless GLOO_SOCKET_IFNAME names an
/// interface monitor  outlives the groups throws   Error if this build has no gloo, or ranks cannot
/// be reached
Groups connect_gloo(Store& store, int rank, const ParallelOptions& options,
                    const std::string& address, Monitor& monitor);

}  // namespace chitu::parallel
