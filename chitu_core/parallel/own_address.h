#pragma once

#include <string>

namespace chitu::parallel {

/// The address that this host has in the network towards another host; sends nothing.
///
/// throws  Error when the name is unknown or no network leads there
std::string own_address_towards(const std::string& host);

}  // namespace chitu::parallel
