#include "tools/chitu/launcher.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <iostream>
#include <map>

#include "chitu_core/common/error.h"
#include "chitu_core/common/system_limits.h"
#include "tools/chitu/standard_output.h"

namespace chitu::tools {
namespace {

using Clock = std::chrono::steady_clock;
using Status = JobResult::Status;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool is_ignored(int number) {
  struct sigaction action{};
  return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

bool is_interrupt(int code) {
  return code == 128 + SIGINT || code == 128 + SIGTERM || code == 128 + SIGHUP;
}

void record(JobResult& result, int code, double seconds) {
  result.status = code == 0            ? Status::done
                  : is_interrupt(code) ? Status::interrupted
                                       : Status::failed;
  result.code = code;
  result.seconds = seconds;
}

int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Has the kernel kill this process when its parent ends, for whatever reason: a job must not write
/// where a resumed sweep writes.
void end_with_parent(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(128 + SIGKILL);  // the parent ended before the call
}

/// Starts a process that does `work` and ends. Returns its id, or -1 when the system can start
/// none.
pid_t start(const std::function<int()>& work, const sigset_t& signals) {
  std::cout.flush();
  std::cerr.flush();
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  end_with_parent(parent);
  ::sigprocmask(SIG_SETMASK, &signals, nullptr);
  const int code = finish_output(work());
  std::cerr.flush();
  std::_Exit(code);  // the parent cleans up what both hold
}

/// Blocks signals while it lives, so that wait() receives them.
class BlockedSignals {
 public:
  BlockedSignals() {
    ::sigemptyset(&blocked_);
    for (const int number : {SIGCHLD, SIGINT, SIGTERM}) ::sigaddset(&blocked_, number);
    if (!is_ignored(SIGHUP)) ::sigaddset(&blocked_, SIGHUP);  // as under nohup
    ::sigprocmask(SIG_BLOCK, &blocked_, &before_);
  }
  ~BlockedSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

  const sigset_t& before() const { return before_; }
  siginfo_t wait() const {
    siginfo_t info{};
    while (::sigwaitinfo(&blocked_, &info) < 0 && errno == EINTR) {
    }
    return info;
  }

 private:
  sigset_t blocked_, before_;
};

}  // namespace

void launch_in_order(std::vector<JobResult>& results, const JobFunction& job) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].status == Status::skipped) continue;
    const auto begin = Clock::now();
    const int code = job(i);
    record(results[i], code, since(begin));
    if (results[i].status == Status::interrupted) return;
  }
}

void launch_processes(std::vector<JobResult>& results, const JobFunction& job, std::size_t width) {
  struct Running {
    std::size_t job;
    Clock::time_point begin;
  };
  const BlockedSignals signals;
  std::map<pid_t, Running> running;
  std::size_t next = 0;
  bool stopped = false;
  while (true) {
    for (; !stopped && next < results.size() && running.size() < width; ++next) {
      if (results[next].status == Status::skipped) continue;
      const pid_t child = start([&] { return job(next); }, signals.before());
      if (child < 0 && !running.empty()) break;  // retried when one has ended
      if (child < 0) {
        std::cerr << "error: cannot start a process: " << system_reason(errno) << "\n";
        record(results[next], exit_codes::kOutOfMemory, 0);
        stopped = true;
        break;
      }
      running[child] = {next, Clock::now()};
    }
    if (running.empty()) return;
    const siginfo_t info = signals.wait();
    if (info.si_signo != SIGCHLD) {
      stopped = true;
      // A terminal signals the whole process group. A second signal would kill the jobs at once.
      if (info.si_code <= 0)
        for (const auto& [child, what] : running) ::kill(child, info.si_signo);
    }
    int status = 0;
    for (pid_t child; (child = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      const auto found = running.find(child);
      if (found == running.end()) continue;
      record(results[found->second.job], exit_code_of(status), since(found->second.begin));
      running.erase(found);
    }
  }
}

int in_child_process(const std::function<int()>& work) {
  sigset_t mask;
  ::sigprocmask(SIG_SETMASK, nullptr, &mask);
  const pid_t child = start(work, mask);
  if (child < 0) fail_system_call("cannot start a process", errno);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return exit_code_of(status);
}

}  // namespace chitu::tools
