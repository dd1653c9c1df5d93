#include "tools/chitu/logging.h"

#include <spdlog/cfg/env.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace chitu::tools {
namespace {

std::shared_ptr<spdlog::sinks::dist_sink_mt>& all_sinks() {
  static auto sinks = std::make_shared<spdlog::sinks::dist_sink_mt>();
  return sinks;
}

std::shared_ptr<spdlog::sinks::sink> log_file;

}  // namespace

void start_logging() {
  auto console = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  // Results go to standard output and the progress bar shows the rest; who sets SPDLOG_LEVEL asked
  // to see more.
  if (!std::getenv("SPDLOG_LEVEL")) console->set_level(spdlog::level::warn);
  console->set_pattern("%l: %v");
  all_sinks()->add_sink(std::move(console));
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("chitu", all_sinks()));
  spdlog::flush_on(spdlog::level::info);  // a log is read while the run goes on
  spdlog::cfg::load_env_levels();
}

void start_log_file(const std::filesystem::path& file) {
  log_file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string(), true);
  log_file->set_pattern("[%Y-%m-%d %H:%M:%S.%e][%n][%l] %v");
  all_sinks()->add_sink(log_file);
}

void stop_log_file() {
  if (!log_file) return;
  log_file->flush();
  all_sinks()->remove_sink(log_file);
  log_file.reset();
}

}  // namespace chitu::tools
