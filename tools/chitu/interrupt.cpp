#include "tools/chitu/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "chitu_core/common/error.h"
#include "chitu_core/common/thread.h"

namespace chitu::tools {
namespace {

constexpr int kWakeUp = SIGUSR1;  // ends the waiter when the run is over

sigset_t watched() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, kWakeUp}) sigaddset(&signals, number);
  return signals;
}

void wait_for_signals(std::stop_source source) {
  const sigset_t signals = watched();
  while (true) {
    int number = 0;
    if (sigwait(&signals, &number) != 0 || number == kWakeUp) return;
    if (source.stop_requested()) ::_exit(exit_codes::kInterrupted);
    source.request_stop();
  }
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t signals = watched();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  try {
    waiter_ = start_thread([source = source_] { wait_for_signals(source); });
  } catch (...) {
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    throw;
  }
}

Interrupt::~Interrupt() {
  pthread_kill(waiter_.native_handle(), kWakeUp);
  waiter_.join();
  const sigset_t signals = watched();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace chitu::tools
