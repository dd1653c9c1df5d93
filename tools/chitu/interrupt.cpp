#include "tools/chitu/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <iostream>

#include "chitu_core/common/interrupted_by.h"
#include "chitu_core/common/thread.h"

namespace chitu::tools {
namespace {

constexpr int kWakeUp = SIGUSR1;  // stops the waiting thread at the end of the run

bool is_ignored(int number) {
  struct sigaction action{};
  return sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

sigset_t watched() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, kWakeUp}) sigaddset(&signals, number);
  if (!is_ignored(SIGHUP)) sigaddset(&signals, SIGHUP);
  return signals;
}

}  // namespace

void Interrupt::wait_for_signals() {
  const sigset_t signals = watched();
  while (true) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) return;
    if (number != kWakeUp)
      take(number);
    else if (ending_)
      return;  // else the signal came from outside
  }
}

void Interrupt::take(int number) {
  const bool is_first = pause_.request_stop();
  if (is_first) signal_ = number;
  if (is_first && number == SIGINT && first_ == First::pauses) {
    std::cerr << "\npausing at the next safe point; Ctrl-C again stops at once\n" << std::flush;
  } else if (!source_.stop_requested()) {
    source_.request_stop();
  } else if (number != SIGHUP) {  // may come twice, from a shell and from the parent
    ::_exit(InterruptedBy::exit_code_of(number));
  }
}

Interrupt::Interrupt(First first) : first_(first) {
  const sigset_t signals = watched();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  try {
    waiter_ = start_thread([this] { wait_for_signals(); });
  } catch (...) {
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    throw;
  }
}

Interrupt::~Interrupt() {
  ending_ = true;
  pthread_kill(waiter_.native_handle(), kWakeUp);
  waiter_.join();
  const sigset_t signals = watched();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace chitu::tools
