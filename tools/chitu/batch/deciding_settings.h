#pragma once

#include <map>
#include <string>

#include "chitu_core/config/value/node.h"

namespace chitu::tools {

/// The keys outside of the request that decide the result of a job, with their values as YAML: the
/// checkpoint, its LoRAs with their contents, the scheduler, the device, dtypes, and what changes
/// rounding. Keys that only move weights are not among them: a batch may go on at another
/// low_mem_level.
///
/// config    of the batch, resolved
/// device    type of the device that the batch runs on: "cpu"
std::map<std::string, std::string> deciding_settings(const config::Node& config,
                                                     const std::string& device);

}  // namespace chitu::tools
