#include "chitu_core/memory/one_copy_weights.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "chitu_core/device/shared_host_memory.h"
#include "chitu_core/io/encoding.h"
#include "chitu_core/io/hash.h"

namespace chitu::memory {
namespace {

/// Smaller ones take more pages than they have bytes.
constexpr std::int64_t kLeastBytes = 4096;

std::string key_of(const std::string& identity, const std::string& name,
                   const Parameter& parameter) {
  return io::sha256(fmt::format("{} {} {} {} {}", identity, name, c10::toString(parameter.stored),
                                shape_text(parameter.stored_shape()),
                                parameter.encoding ? parameter.encoding->name() : ""));
}

}  // namespace

at::Tensor OneCopyWeights::host_copy(const std::string& name, const Parameter& parameter) const {
  const std::int64_t bytes = parameter.stored_bytes();
  if (bytes < kLeastBytes) return {};
  const std::string identity = source().identity(name, parameter);
  if (identity.empty()) return {};
  const WeightRows all{name, parameter, 0, parameter.rows()};
  const at::Tensor block =
      memory_->get(key_of(identity, name, parameter), bytes, [&](const at::Tensor& empty) {
        at::Tensor to = all.in(empty);
        source().read_into(name, parameter, to);
      });
  return block.defined() ? all.in(block) : at::Tensor();
}

}  // namespace chitu::memory
