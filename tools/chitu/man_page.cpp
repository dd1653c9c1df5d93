#include "tools/chitu/man_page.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <vector>

#include "chitu_core/common/registry.h"
#include "tools/chitu/subcommand.h"

namespace chitu::tools {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

const Entries kExitCodes{
    {"0", "done"},
    {"2", "the input is wrong; one line says what and where, and nothing is written"},
    {"3", "out of memory, or of threads, processes or open files"},
    {"130, 143, 129", "ended by Ctrl-C, SIGTERM, SIGHUP"},
    {"1", "anything else"}};

const Entries kEnvironment{
    {"CHITU_LOG_LEVEL", "the level of --log-level where that flag is not given"},
    {"SPDLOG_LEVEL", "levels of single loggers, such as chitu.memory=debug"},
    {"NO_COLOR", "if it is set and not empty, standard error has no colours"},
    {"CHITU_CPU_CAPABILITY", "default, avx2 or avx512: the instructions that a run may use"}};

const Entries kFiles{
    {"outputs/DATE/TIME/", "the media of a run, metrics.json, run.log and .hydra/"},
    {"multirun/DATE/TIME/", "the jobs of a sweep, one folder each"},
    {"batch/LIST/", "the media of a batch, its journal and its summary"}};

/// Text with nothing in it that roff would take for a request or an escape.
std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    const bool begins_line = safe.empty() || safe.back() == '\n';
    if (begins_line && (c == '.' || c == '\'')) safe += "\\&";
    if (c == '\\')
      safe += "\\e";
    else if (c == '-')
      safe += "\\-";
    else
      safe += c;
  }
  return safe;
}

std::string entry(const std::string& term, const std::string& text) {
  return fmt::format(".TP\n.B {}\n{}\n", escaped(term), escaped(text));
}

std::string section(const char* title, const Entries& entries) {
  std::string text = fmt::format(".SH {}\n", title);
  for (const auto& [term, about] : entries) text += entry(term, about);
  return text;
}

std::string subcommand_text(const std::string& name, const Subcommand& subcommand) {
  const auto about = subcommand.describe();
  std::string text = fmt::format(".SS chitu {}\n{}\n", escaped(name), escaped(about.purpose));
  for (const auto& [usage, help] : subcommand.flags()) text += entry(usage, help);
  return text + ".PP\nExamples:\n.PP\n.EX\n" + escaped(to_text(about.examples)) + ".EE\n";
}

}  // namespace

std::string man_page() {
  std::string text =
      fmt::format(".TH CHITU 1 \"\" \"chitu {}\" \"User Commands\"\n", CHITU_VERSION);
  text +=
      ".SH NAME\nchitu \\- text to video, image to video and text to image in the memory you have\n"
      ".SH SYNOPSIS\n.B chitu\n[\\fISUBCOMMAND\\fR] [\\fIflags\\fR] [\\fIkey=value\\fR ...]\n"
      ".SH DESCRIPTION\n"
      "Composes a configuration from YAML files and overrides, as Hydra does, and generates media "
      "with it. Without a subcommand it is\n.BR run .\n"
      ".B chitu config\nprints every key and its value.\n"
      ".SH OVERRIDES\n";
  text += entry("key=value", "change a value");
  text += entry("+key=value", "add one");
  text += entry("++key=value", "change or add one");
  text += entry("~key", "remove one");
  text += entry("group=option", "choose a file of a group, as in model=wan2.1-t2v-14b");
  text += ".SH SUBCOMMANDS\n";
  for (const auto& [name, subcommand] : Registry<Subcommand>::instance().entries())
    text += subcommand_text(name, *subcommand);
  return text + section("EXIT STATUS", kExitCodes) + section("ENVIRONMENT", kEnvironment) +
         section("FILES", kFiles);
}

}  // namespace chitu::tools
