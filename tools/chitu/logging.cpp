#include "tools/chitu/logging.h"

#include <spdlog/cfg/env.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "chitu_core/common/log.h"
#include "chitu_core/config/text.h"

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
  log_file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string(), true);
  log_file->set_pattern("[%Y-%m-%d %H:%M:%S.%e][%n][%l] %v");
  all_sinks()->add_sink(log_file);
}

void log_failure(const std::string& text) {
  if (log_file) log_file->log({"chitu.run", spdlog::level::err, text});
}

void stop_log_file() {
  if (!log_file) return;
  log_file->flush();
  all_sinks()->remove_sink(log_file);
  log_file.reset();
}

}  // namespace chitu::tools
