#include "chitu/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "chitu_core/common/own_logger.h"
#include "pipelines/api/quiet_log.h"

namespace chitu {
namespace {

LogLevel level_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return LogLevel::debug;
    case spdlog::level::info:
      return LogLevel::info;
    case spdlog::level::warn:
      return LogLevel::warning;
    case spdlog::level::off:
      return LogLevel::off;
    default:
      return LogLevel::error;
  }
}

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

/// Passes messages on to the program's sink, one at a time.
class ProgramSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void send_to(LogSink target) {
    const std::lock_guard lock(mutex_);
    target_ = std::move(target);
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string_view area(message.logger_name.data(), message.logger_name.size());
    if (const auto dot = area.find('.'); dot != std::string_view::npos) area.remove_prefix(dot + 1);
    const std::string_view text(message.payload.data(), message.payload.size());
    if (target_) return target_(level_of(message.level), area, text);
    const auto name = spdlog::level::to_string_view(message.level);
    const std::string line =
        std::string(name.data(), name.size()) + ": " + std::string(text) + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
  }
  void flush_() override {}

  LogSink target_;
};

ProgramSink& program_sink() {
  static const auto sink = [] {
    auto made = std::make_shared<ProgramSink>();
    auto own = std::make_shared<spdlog::logger>(kOwnLogger, made);
    own->set_level(spdlog::level::warn);
    if (!spdlog::get(kOwnLogger)) spdlog::register_logger(own);
    return made;
  }();
  return *sink;
}

}  // namespace

void api::log_quietly() { program_sink(); }

void set_log(LogLevel level, LogSink sink) {
  program_sink().send_to(std::move(sink));
  spdlog::apply_all([&](const std::shared_ptr<spdlog::logger>& logger) {
    const std::string& name = logger->name();
    if (name == kOwnLogger || name.starts_with(std::string(kOwnLogger) + "."))
      logger->set_level(level_of(level));
  });
}

}  // namespace chitu
