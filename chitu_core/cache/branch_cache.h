#pragma once

#include <map>
#include <mutex>
#include <tuple>
#include <vector>

#include "chitu_core/cache/forecast_states.h"
#include "chitu_core/cache/session.h"
#include "chitu_core/cache/stored_states.h"

namespace chitu::cache {

/// What a model asks in the passes of one guidance branch.
class BranchCache final : public PassCache {
 public:
  /// decides  in a plan that decides at run time: it does so for all branches
  BranchCache(Session& session, bool decides, bool parked);

  void begin_pass();
  void drop(std::size_t video, std::size_t videos);
  std::int64_t held() const;

  std::int64_t before_layer(std::int64_t index, Lanes& lanes) override;
  void after_layers(Lanes& lanes) override;
  bool reuse_attention(std::int64_t layer, std::size_t lane, Attention kind,
                       at::Tensor& states) override;
  at::Tensor attention_begin(Attention kind, const at::Tensor& states) const override;
  void attention_end(std::int64_t layer, std::size_t lane, Attention kind, at::Tensor before,
                     const at::Tensor& states) override;
  std::vector<std::int64_t> dry_run_state(std::int64_t layer) const override;
  void dry_run_skip(std::int64_t layer) override;

 private:
  using Streams = std::vector<ForecastStates>;  ///< of a lane
  const CachePlan& plan() const { return session_.plan(); }
  bool reuses() const;
  /// Whether the result of the range is kept in this pass.
  bool keeps() const;
  void decide(Lanes& lanes);
  void count_reuse() const;
  void enter(Lanes& lanes);
  void reuse(Lanes& lanes);
  void keep(Lanes& lanes);
  std::size_t kept_streams(std::size_t all) const;
  Streams& streams_of(std::size_t lane, std::size_t count);
  void drop_attention(std::size_t lane, std::size_t prompts);
  bool reuses_attention(std::size_t step, Attention kind) const;
  bool keeps_attention(Attention kind) const;
  StoredStates& attention_of(std::size_t lane, std::int64_t layer, Attention kind);

  Session& session_;
  bool decides_, parked_;
  std::vector<Streams> lanes_;                    ///< what is reused
  std::vector<std::vector<at::Tensor>> entered_;  ///< states before the range, during a pass
  StoredStates first_residual_;                   ///< of the first layers, for the decision
  using AttentionKey = std::tuple<std::size_t, std::int64_t, Attention>;  ///< lane, layer, kind
  std::map<AttentionKey, StoredStates> attention_;
  std::mutex mutex_;
};

}  // namespace chitu::cache
