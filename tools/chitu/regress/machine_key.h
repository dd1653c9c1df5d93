#pragma once

#include <c10/core/Device.h>

#include <string>

#include "chitu_core/config/bind/binder.h"

namespace chitu::tools {

/// What the bits of a result depend on beside the request: SHA-256 sums hold for one key.
struct MachineKey {
  std::string device;     ///< sim, cpu, or the kind and memory of an accelerator
  std::string cpu;        ///< its vector instructions: default, avx2, avx512
  std::string processor;  ///< a short hash of its vendor, model and features
  std::string libtorch;   ///< version
  std::string ranks{};    ///< how they shared the run: "cp_size 2, cfg_size 1, up null, auto"

  bool operator==(const MachineKey&) const = default;
  void bind(config::Binder& binder);
};

/// The key of this machine and process.
///
/// ranks  as in the key; empty for one process
MachineKey machine_key(c10::Device device, const std::string& ranks = "");

/// "sim, avx512, processor 1f2e3d4c, libtorch 2.13.0".
std::string to_string(const MachineKey& key);

}  // namespace chitu::tools
