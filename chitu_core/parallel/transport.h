#pragma once

#include <memory>

#include "chitu_core/common/error.h"
#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/options.h"

namespace chitu::parallel {

/// An exchange has ended unfinished, because work that the ranks do together has failed on one.
class BrokenOff : public Error {
 public:
  BrokenOff() : Error("another rank has failed at what the ranks do together") {}
};

/// The connections of a rank with all others, and the groups that use them.
class Transport {
 public:
  virtual ~Transport() = default;
  /// The groups that these degrees make of the ranks. All ranks ask for new degrees in the same
  /// order.
  virtual std::shared_ptr<const Groups> groups(const ParallelOptions& options) = 0;
  /// Ends what is under way, and what begins, with BrokenOff until renew() of this number. Does
  /// nothing if that has been. May be called from any thread.
  virtual void break_off(int number) = 0;
  /// Connects the ranks again. Every rank calls it while none of its exchanges is under way.
  ///
  /// number  larger than before
  virtual void renew(int number) = 0;
};

}  // namespace chitu::parallel
