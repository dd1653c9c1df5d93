#include "chitu_core/common/error.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <new>

#include "chitu_core/common/interrupted_by.h"
#include "chitu_core/common/system_limits.h"

namespace chitu {
namespace {

/// Begins the backtrace in c10::Error::what().
constexpr std::string_view kBacktrace = "\nException raised from ";

/// Joins the lines of the text, without the backtrace of libtorch.
std::string on_one_line(std::string_view text) {
  text = text.substr(0, text.find(kBacktrace));
  std::string line;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    part.remove_prefix(std::min(part.find_first_not_of(" \t\r"), part.size()));
    part = part.substr(0, part.find_last_not_of(" \t\r;") + 1);
    if (part.empty()) continue;
    if (!line.empty()) line += line.ends_with(':') ? " " : "; ";
    line += part;
  }
  return line;
}

std::string own_text(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error)) return "out of memory: " + system_reason(ENOMEM);
  if (const auto* failed = dynamic_cast<const std::filesystem::filesystem_error*>(&error))
    return failed->path1().string() + ": " + failed->code().message();
  return on_one_line(error.what());
}

}  // namespace

std::string explain(const std::exception& error) {
  std::string text = own_text(error);
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    text += ": " + explain(cause);
  }
  return text;
}

int exit_code(const std::exception& error) {
  if (dynamic_cast<const InputError*>(&error)) return exit_codes::kInputError;
  if (dynamic_cast<const OutOfMemoryError*>(&error) || is_system_limit(error))
    return exit_codes::kOutOfMemory;
  if (dynamic_cast<const std::filesystem::filesystem_error*>(&error))
    return exit_codes::kInputError;
  if (const auto* by_signal = dynamic_cast<const InterruptedBy*>(&error))
    return by_signal->exit_code();
  if (dynamic_cast<const Interrupted*>(&error)) return exit_codes::kInterrupted;
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    return exit_code(cause);
  }
  return exit_codes::kFailed;
}

}  // namespace chitu
