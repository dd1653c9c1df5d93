#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "chitu_core/parallel/failure.h"

namespace chitu::parallel {

class Store;

/// Notices, on every rank, that one of them has failed, has ended or does not answer. A thread
/// shows the others through the store that this process runs, and in which stage; computation does
/// not delay it, so a slow rank is no failed one. All members may be called from any thread.
class Monitor {
 public:
  struct Settings {
    int rank = 0, size = 1;
    bool serves_store = false;
    std::string store_owner{};  ///< the launcher that serves the store; empty: rank 0 does
    int first_rank = 0;         ///< for messages: the number of rank 0 in the launch
    /// After a failure the ranks end within this time: half of it passes before a silent rank is a
    /// failed one, a quarter is for ending in order.
    std::chrono::milliseconds limit{};
    /// Ends this process at once; for a main thread that does not end in time.
    std::function<void(const Failure&)> end_process{};
  };

  /// store  of its own; has the keys that announce() sets, of every rank
  Monitor(std::unique_ptr<Store> store, Settings settings);
  /// Tells the others that this rank leaves. Rank 0 waits a moment for them if it serves the store.
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// Sets the keys of a rank: that it is there.
  static void announce(Store& store, int rank);
  static std::string key_of(int rank);

  /// The stage that this rank is in from now on, for messages of all ranks.
  void enter(const std::string& stage);
  std::string stage() const;

  /// Reports that this rank has failed. Returns the first failure of any rank, which may be
  /// another.
  Failure fail(const std::string& reason, int code);
  /// The same, with a sentence that is an error of the user's input on every rank.
  Failure disagree(const std::string& sentence);
  /// The same of another rank that cannot be reached any more.
  Failure lost(int rank, const std::string& reason);

  std::optional<Failure> failure() const;
  /// Waits up to a second for news of another rank: what ended this one may be known soon.
  std::optional<Failure> failure_soon() const;
  /// throws  as raise(), if any rank has failed
  void check() const;
  /// A stop is requested when a rank has failed.
  std::stop_token stop_token() const;
  /// Called once when a rank has failed, from any thread; at once if one already has.
  void on_failure(std::function<void()> call);

  /// Tells all ranks, this one too, that work which they do together has failed. The ranks go on;
  /// see Ranks::attempt().
  ///
  /// store   of the calling thread
  /// number  of that work, larger than those before it
  static void set_back(Store& store, int number);
  /// The last number that is known; 0 for none.
  int setback() const;
  /// Called with every new number, from any thread. Set before the first one.
  void on_setback(std::function<void(int)> call);

  /// Waits until every rank has called it.
  ///
  /// throws  as check(); Interrupted if a stop was requested
  void finish(const std::stop_token& stop = {});

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace chitu::parallel
