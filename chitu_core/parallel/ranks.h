#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "chitu_core/parallel/agreement.h"
#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/launch.h"
#include "chitu_core/parallel/monitor.h"
#include "chitu_core/parallel/options.h"

namespace chitu::parallel {

class Transport;

/// The ranks that share a generation, as one of them: connected while this lives. They are a
/// launch, or one of several groups of it, which know nothing of each other once they are
/// connected.
class Ranks {
 public:
  /// Waits for the other ranks and connects to them.
  ///
  /// launch       of a multiple of the ranks that the options ask for
  /// limit        for joining, and within which every rank ends after a failure
  /// end_process  ends this process at once, where its main thread hangs after a failure
  /// throws       InputError or Error naming the ranks that have not come, or where rank 0 is not
  Ranks(const Launch& launch, const ParallelOptions& options, std::chrono::milliseconds limit,
        std::function<void(const Failure&)> end_process);
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  /// Of these ranks, not of all groups.
  const Launch& launch() const { return launch_; }
  int rank() const { return launch_.rank; }
  int size() const { return launch_.size; }
  bool is_first() const { return rank() == 0; }
  const std::shared_ptr<const Groups>& groups() const { return groups_; }
  /// For other degrees of as many ranks. All ranks ask for them in the same order.
  std::shared_ptr<const Groups> groups(const ParallelOptions& options);
  Monitor& monitor() { return *monitor_; }

  /// Host memory that this rank shares with others on its host; null if it shares none.
  const std::shared_ptr<device::SharedHostMemory>& host_memory() const { return host_memory_; }

  /// Compares the facts of all ranks. Every rank calls it, with the same facts in mind.
  ///
  /// throws  InputError naming the first rank and the fact that differ, on every rank
  void agree(const Facts& facts);

  /// Does work that all ranks do together. Where it throws on one of them, the others are freed
  /// from the exchanges that it leaves unfinished, and all of them can go on with other work.
  ///
  /// returns  empty when all have done it; else the failure of the first rank that has one, with an
  ///          error's text as it is where that is rank 0, and after "rank 1: " and so on
  /// throws   Interrupted from the work; as Monitor::check(): then the ranks end
  std::optional<Failure> attempt(const std::function<void()>& work);

 private:
  void set(const std::string& key, const std::string& text);
  std::string wait_for(const std::string& key);
  void vote();
  Failure own_failure(const std::exception& error) const;
  Failure settle(int number, const std::optional<Failure>& own);

  Launch launch_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Monitor> monitor_;
  std::shared_ptr<Transport> transport_;
  std::shared_ptr<const Groups> groups_;
  int agreements_ = 0, attempts_ = 0;
  std::shared_ptr<device::SharedHostMemory> host_memory_;
};

}  // namespace chitu::parallel
