#pragma once

#include <csetjmp>

namespace chitu::io {

/// libpng and libjpeg report an error by a call that must not return. This runs work that such a
/// call can leave by std::longjmp(jump, 1).
///
/// jump  where the error call jumps to
/// work  a function whose frames own nothing: a jump skips destructors
/// returns  false when the work was left
template <class State>
bool completes(std::jmp_buf& jump, State& state, void (*work)(State&)) {
  if (setjmp(jump) != 0) return false;
  work(state);
  return true;
}

}  // namespace chitu::io
