#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "chitu_core/parallel/agreement.h"
#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/launch.h"
#include "chitu_core/parallel/monitor.h"
#include "chitu_core/parallel/options.h"

namespace chitu::parallel {

/// The ranks of a launch, as one of them: connected while this lives.
class Ranks {
 public:
  /// Waits for the other ranks and connects to them.
  ///
  /// options      whose world is the launch
  /// limit        for joining, and within which every rank ends after a failure
  /// end_process  ends this process at once, where its main thread hangs after a failure
  /// throws       InputError or Error naming the ranks that have not come, or where rank 0 is not
  Ranks(const Launch& launch, const ParallelOptions& options, std::chrono::milliseconds limit,
        std::function<void(const Failure&)> end_process);
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  const Launch& launch() const { return launch_; }
  int rank() const { return launch_.rank; }
  int size() const { return launch_.size; }
  const std::shared_ptr<const Groups>& groups() const { return groups_; }
  Monitor& monitor() { return *monitor_; }

  /// Compares the facts of all ranks. Every rank calls it, with the same facts in mind.
  ///
  /// throws  InputError naming the first rank and the fact that differ, on every rank
  void agree(const Facts& facts);

 private:
  std::string wait_for(const std::string& key);

  Launch launch_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Monitor> monitor_;
  std::shared_ptr<const Groups> groups_;
  int agreements_ = 0;
};

}  // namespace chitu::parallel
