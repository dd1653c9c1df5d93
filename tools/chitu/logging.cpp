#include "tools/chitu/logging.h"

#include <spdlog/cfg/env.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cerrno>

#include "chitu_core/common/log.h"
#include "chitu_core/common/system_limits.h"
#include "chitu_core/config/value/text.h"

namespace chitu::tools {
namespace {

/// Each sink keeps its own pattern: spdlog gives every new logger, and so its sinks, the default
/// one.
class AllSinks final : public spdlog::sinks::dist_sink_mt {
 protected:
  void set_pattern_(const std::string&) override {}
  void set_formatter_(std::unique_ptr<spdlog::formatter>) override {}
};

std::shared_ptr<AllSinks>& all_sinks() {
  static auto sinks = std::make_shared<AllSinks>();
  return sinks;
}

std::shared_ptr<spdlog::sinks::sink> log_file, console;
/// What was said before there was a file for it: about the checkpoint that was opened.
std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> before_file;
constexpr std::size_t kMostBeforeFile = 1000;
std::atomic<bool> log_is_whole{true};

constexpr const char* kEveryLogger = "*";

/// The loggers that `hydra.verbose` names.
std::vector<std::string> verbose_loggers(const config::Composition& composition) {
  const auto found = composition.hydra().find("verbose");
  const config::Node value = found ? found->resolved() : config::Node();
  if (value.kind() == config::Kind::boolean && value.as_bool()) return {kEveryLogger};
  if (value.is_string()) return {value.as_string()};
  std::vector<std::string> names;
  if (value.is_list())
    for (const config::Node& name : value.list()) names.push_back(config::python_text(name));
  return names;
}

}  // namespace

void start_logging(const config::Composition& composition) {
  static const bool first = [] {
    console = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    console->set_pattern("%l: %v");
    all_sinks()->add_sink(console);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("chitu", all_sinks()));
    spdlog::flush_on(spdlog::level::info);  // a log is read while the run goes on
    return true;
  }();
  (void)first;
  if (before_file) all_sinks()->remove_sink(before_file);
  before_file = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(kMostBeforeFile);
  all_sinks()->add_sink(before_file);
  spdlog::cfg::load_env_levels();
  const std::vector<std::string> verbose = verbose_loggers(composition);
  for (const std::string& name : verbose) {
    if (name == kEveryLogger)
      spdlog::set_level(spdlog::level::debug);
    else
      logger(name)->set_level(spdlog::level::debug);
  }
  // Results go to standard output and the progress bar shows the rest; who sets SPDLOG_LEVEL or
  // hydra.verbose asked to see more.
  const bool more = !verbose.empty() || std::getenv("SPDLOG_LEVEL");
  console->set_level(more ? spdlog::level::trace : spdlog::level::warn);
}

bool console_shows_info() { return console && console->should_log(spdlog::level::info); }

void start_log_file(const std::filesystem::path& file) {
  try {
    log_file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string(), true);
  } catch (const spdlog::spdlog_ex&) {
    fail_system_call(file.string() + ": cannot write", errno);
  }
  log_file->set_pattern("[%Y-%m-%d %H:%M:%S.%e][%n][%l] %v");
  if (before_file) {
    for (const auto& message : before_file->last_raw()) log_file->log(message);
    all_sinks()->remove_sink(before_file);
    before_file.reset();
  }
  all_sinks()->add_sink(log_file);
  log_is_whole = true;
  // spdlog's own handler prints every failure; the run tells of it once, at its end.
  spdlog::set_error_handler([](const std::string&) { log_is_whole = false; });
}

void log_failure(const std::string& text) {
  try {
    if (log_file) log_file->log({"chitu.run", spdlog::level::err, text});
  } catch (const spdlog::spdlog_ex&) {
    log_is_whole = false;
  }
}

bool stop_log_file() {
  if (!log_file) return true;
  try {
    log_file->flush();
  } catch (const spdlog::spdlog_ex&) {
    log_is_whole = false;
  }
  all_sinks()->remove_sink(log_file);
  log_file.reset();
  return log_is_whole;
}

}  // namespace chitu::tools
