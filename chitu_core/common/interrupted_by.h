#pragma once

#include <string>

#include "chitu_core/common/error.h"

namespace chitu {

/// A signal stopped the run. The command ends with exit code 128 + signal, as in shells.
class InterruptedBy : public Interrupted {
 public:
  InterruptedBy(int signal, const std::string& text) : Interrupted(text), signal_(signal) {}
  int exit_code() const { return exit_code_of(signal_); }

  static int exit_code_of(int signal) { return 128 + signal; }

 private:
  int signal_;
};

}  // namespace chitu
