#include "tools/chitu/logging.h"

#include <spdlog/cfg/env.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "chitu_core/common/log.h"
#include "chitu_core/common/system_limits.h"
#include "chitu_core/config/value/text.h"
#include "tools/chitu/console.h"

namespace chitu::tools {
namespace {

constexpr std::size_t kMostEarlyMessages = 1000;
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

/// All sinks. Each keeps its own pattern: spdlog would give every new logger's sinks the default
/// one. A failure to write is remembered, where spdlog would print it.
class Sinks final : public spdlog::sinks::dist_sink_mt {
 public:
  bool all_written() const { return all_written_; }
  void forget_failures() { all_written_ = true; }

  template <class Work>
  void attempt(const Work& work) {
    try {
      work();
    } catch (const spdlog::spdlog_ex&) {
      all_written_ = false;
    }
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    attempt([&] { dist_sink::sink_it_(message); });
  }
  void flush_() override {
    attempt([&] { dist_sink::flush_(); });
  }
  void set_pattern_(const std::string&) override {}
  void set_formatter_(std::unique_ptr<spdlog::formatter>) override {}

 private:
  std::atomic<bool> all_written_{true};
};

}  // namespace

struct Logging::Impl {
  std::shared_ptr<Sinks> sinks = std::make_shared<Sinks>();
  spdlog::sink_ptr console = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>(
      console::has_colors() ? spdlog::color_mode::always : spdlog::color_mode::never);
  /// Messages from before the file exists, such as those about the checkpoint.
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> early{};
  spdlog::sink_ptr file{};

  void move_early_messages();
};

Logging::Logging() : impl_(std::make_unique<Impl>()) {
  const auto& sinks = impl_->sinks;
  const auto& console = impl_->console;
  console->set_pattern("%^%l:%$ " + console::rank_label() + "%v");
  console->set_level(spdlog::level::warn);
  sinks->add_sink(console);
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("chitu", sinks));
  spdlog::flush_on(spdlog::level::info);  // the log can be read during the run
  apply_chosen_level();
}

Logging::~Logging() = default;

void Logging::apply_chosen_level() {
  const std::string chosen = console::level();
  if (chosen.empty()) return;
  const auto level = spdlog::level::from_str(chosen);
  impl_->console->set_level(level);
  if (level < spdlog::level::info) spdlog::set_level(level);
}

void Logging::begin_run(const config::Composition& composition) {
  if (impl_->early) impl_->sinks->remove_sink(impl_->early);
  impl_->early = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(kMostEarlyMessages);
  impl_->sinks->add_sink(impl_->early);
  console::check_logger_levels();
  spdlog::cfg::load_env_levels();
  const std::vector<std::string> verbose = verbose_loggers(composition);
  for (const std::string& name : verbose) {
    if (name == kEveryLogger)
      spdlog::set_level(spdlog::level::debug);
    else
      logger(name)->set_level(spdlog::level::debug);
  }
  // Setting SPDLOG_LEVEL or hydra.verbose asks for more than warnings.
  const bool more = !verbose.empty() || std::getenv("SPDLOG_LEVEL");
  impl_->console->set_level(more ? spdlog::level::trace : spdlog::level::warn);
  apply_chosen_level();
}

bool Logging::console_shows_info() const { return impl_->console->should_log(spdlog::level::info); }

void Logging::Impl::move_early_messages() {
  if (!early) return;
  for (const auto& message : early->last_raw()) sinks->attempt([&] { file->log(message); });
  sinks->remove_sink(early);
  early.reset();
}

void Logging::start_file(const std::filesystem::path& file, File mode) {
  try {
    impl_->file =
        std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string(), mode == File::anew);
  } catch (const spdlog::spdlog_ex&) {
    fail_system_call(file.string() + ": cannot write", errno);
  }
  impl_->file->set_pattern("[%Y-%m-%d %H:%M:%S.%e][%n][%l] %v");
  impl_->sinks->forget_failures();
  impl_->move_early_messages();
  impl_->sinks->add_sink(impl_->file);
}

void Logging::log_failure(const std::string& text) {
  if (impl_->file)
    impl_->sinks->attempt([&] { impl_->file->log({"chitu.run", spdlog::level::err, text}); });
}

bool Logging::stop_file() {
  if (!impl_->file) return true;
  impl_->sinks->attempt([&] { impl_->file->flush(); });
  impl_->sinks->remove_sink(impl_->file);
  impl_->file.reset();
  return impl_->sinks->all_written();
}

}  // namespace chitu::tools
