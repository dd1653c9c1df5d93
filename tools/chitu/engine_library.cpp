#include "tools/chitu/engine_library.h"

#include <dlfcn.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/system_limits.h"

namespace chitu::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "libchitu_commands.so";
constexpr const char* kProblem = "cannot load the engine library";

[[noreturn]] void fail_to_load(const std::string& reason) {
  const auto says = [&](const char* text) { return reason.find(text) != std::string::npos; };
  // The loader gives no number; it names the limit in words.
  for (const int limit : {ENOMEM, EMFILE, ENFILE})
    if (says(std::strerror(limit))) fail_system_call(kProblem, limit);
  if (says("failed to map segment") || says("cannot map") || says("cannot allocate memory"))
    fail_system_call(kProblem, ENOMEM);
  throw Error(std::string(kProblem) + ": " + reason);
}

/// MKL, inside libtorch, ends the process where it cannot ask for it.
void check_current_folder() {
  std::error_code error;
  if (fs::current_path(error).empty())
    throw InputError("the current folder: " + error.message() +
                     "; it has been removed or may not be read, change to another one");
}

/// libtorch's operators overflow a smaller one, which ends the process without a word.
void check_stack() {
  constexpr rlim_t kLeast = 128 << 10;
  rlimit limit{};
  if (::getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < kLeast)
    throw SystemLimitError("ulimit -s " + std::to_string(limit.rlim_cur >> 10) +
                           ": the stack is too small, expected " + std::to_string(kLeast >> 10) +
                           " or more");
}

fs::path library_file() {
  const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& file : {folder / ".." / "lib" / kName, folder / kName})
    if (fs::exists(file)) return file;
  fail_to_load(std::string(kName) + " is not beside the command");
}

EngineSession* open_session() {
  void* library = ::dlopen(library_file().c_str(), RTLD_NOW | RTLD_GLOBAL);
  void* entry = library ? ::dlsym(library, "chitu_open_engine") : nullptr;
  if (!entry) fail_to_load(::dlerror());
  return reinterpret_cast<decltype(&chitu_open_engine)>(entry)();
}

}  // namespace

int EngineLibrary::run(const EngineCall& call) {
  if (!session_) {
    check_current_folder();
    check_stack();
    cpu_capability();  // throws for a wrong CHITU_CPU_CAPABILITY, before anything is done
    session_.reset(open_session());
    exit_watch_.emplace();  // after the library has registered its own handlers: runs before them
  }
  return session_->run(call);
}

}  // namespace chitu::tools
