#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "chitu_core/parallel/attention_hook.h"
#include "chitu_core/parallel/guidance_ranks.h"
#include "chitu_core/parallel/options.h"

namespace chitu::parallel {

/// What a rank does of one generation.
class RankRoles {
 public:
  /// for_plan  a plan runs in one process and moves nothing: it is that of rank 0, whose share of
  /// the
  ///           sequence is the largest
  RankRoles(const ParallelOptions& options, bool for_plan);

  /// The hook for the attention of a model whose sequence ranks share; null if each has all of it.
  ///
  /// scheme   a registered one; `none` = that of the options
  /// heads    of the model's self-attention
  /// throws   as attention_hook()
  std::shared_ptr<const AttentionHook> attention(std::string_view scheme, std::int64_t heads) const;
  GuidanceRanks guidance() const;
  /// All ranks; null for one process.
  std::shared_ptr<Communicator> world() const;
  /// All ranks, if they read weights together: they load each component together, or none does.
  /// Null otherwise.
  std::shared_ptr<Communicator> loading() const;
  /// The same ranks, for the weights themselves.
  std::shared_ptr<Communicator> weights() const;

 private:
  const ParallelOptions& options_;
  std::shared_ptr<const Groups> groups_;
};

}  // namespace chitu::parallel
