#pragma once

#include <string>

#include "chitu_core/common/error.h"

namespace chitu {

/// A signal asked to stop. The command ends with exit code 128 + its number, as shells have it.
class InterruptedBy : public Interrupted {
 public:
  InterruptedBy(int signal, const std::string& text) : Interrupted(text), signal_(signal) {}
  int exit_code() const { return exit_code_of(signal_); }

  static int exit_code_of(int signal) { return 128 + signal; }

 private:
  int signal_;
};

}  // namespace chitu
