#include "chitu_core/common/system_limits.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <new>
#include <system_error>

namespace chitu {
namespace {

std::string limit_text(const char* option, int resource, rlim_t unit) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0 ||
      limit.rlim_cur == RLIM_INFINITY)
    return "";
  return std::string("ulimit ") + option + " " + std::to_string(limit.rlim_cur / unit);
}

/// pids.max of the cgroup of this process; empty without a limit.
std::string most_pids() {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const bool unified = line.starts_with("0::");
    if (!unified && line.find(":pids:") == std::string::npos) continue;
    const std::string path = line.substr(line.rfind(':') + 1);
    for (const std::string& below : {path, std::string()}) {
      std::ifstream file((unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids") + below +
                         "/pids.max");
      std::string most;
      if (file >> most && most != "max") return "pids.max " + most;
    }
  }
  return "";
}

std::string limits_behind(int error_number) {
  switch (error_number) {
    case EMFILE:
      return limit_text("-n", RLIMIT_NOFILE, 1);
    case EAGAIN: {
      std::string text = limit_text("-u", RLIMIT_NPROC, 1);
      for (const std::string& more : {most_pids(), limit_text("-v", RLIMIT_AS, 1024)})
        if (!more.empty()) text += (text.empty() ? "" : ", ") + more;
      return text;
    }
    case ENOMEM:
      return limit_text("-v", RLIMIT_AS, 1024);
    default:
      return "";
  }
}

bool is_limit(const std::error_code& code) {
  const std::error_condition condition = code.default_error_condition();
  return condition.category() == std::generic_category() && is_system_limit(condition.value());
}

/// Prints without allocating, because memory may be exhausted.
[[noreturn]] void end_with(const char* text, int code) {
  for (const char* part : {"error: ", text, "\n"})
    if (::write(STDERR_FILENO, part, std::strlen(part)) < 0) break;
  ::_exit(code);
}

/// What system_reason(ENOMEM) says, made without allocating.
[[noreturn]] void end_out_of_memory() {
  char text[96] = "out of memory: Cannot allocate memory";
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    std::snprintf(text, sizeof text, "out of memory: Cannot allocate memory (ulimit -v %llu)",
                  static_cast<unsigned long long>(limit.rlim_cur / 1024));
  end_with(text, exit_codes::kOutOfMemory);
}

[[noreturn]] void on_terminate() {
  try {
    if (const auto error = std::current_exception()) std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    end_out_of_memory();
  } catch (const std::exception& error) {
    const int code = exit_code(error);
    if (code == exit_codes::kOutOfMemory) end_with(explain(error).c_str(), code);
    const std::string text = "unexpected: " + explain(error);
    end_with(text.c_str(), exit_codes::kFailed);
  } catch (...) {
  }
  std::abort();
}

/// oneDNN uses the null pointer of a failed malloc() in places. A fault with another cause occurs
/// again when this returns, and then ends the process as usual.
void on_fault(int) {
  constexpr std::size_t kLittle = 16 << 20;  // malloc() reserves about that much at once
  void* memory = ::mmap(nullptr, kLittle, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) end_out_of_memory();
  ::munmap(memory, kLittle);
}

}  // namespace

bool is_system_limit(int error_number) {
  constexpr std::array kLimits{EAGAIN, ENOMEM, EMFILE, ENFILE};
  for (const int limit : kLimits)
    if (error_number == limit) return true;
  return false;
}

bool is_system_limit(const std::exception& error) {
  const auto* failed = dynamic_cast<const std::system_error*>(&error);
  if (dynamic_cast<const SystemLimitError*>(&error) ||
      dynamic_cast<const std::bad_alloc*>(&error) || (failed && is_limit(failed->code())))
    return true;
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    return is_system_limit(cause);
  }
  return false;
}

std::string system_reason(int error_number) {
  const std::string limits = limits_behind(error_number);
  return std::strerror(error_number) + (limits.empty() ? "" : " (" + limits + ")");
}

void fail_system_call(std::string_view doing, int error_number) {
  const std::string text = std::string(doing) + ": " + system_reason(error_number);
  if (is_system_limit(error_number)) throw SystemLimitError(text);
  throw InputError(text);
}

void end_in_one_line() {
  std::set_terminate(on_terminate);
  rlimit addresses{};
  if (::getrlimit(RLIMIT_AS, &addresses) != 0 || addresses.rlim_cur == RLIM_INFINITY) return;
  struct sigaction action{};
  action.sa_handler = on_fault;
  action.sa_flags = SA_RESETHAND;
  ::sigaction(SIGSEGV, &action, nullptr);
}

}  // namespace chitu
