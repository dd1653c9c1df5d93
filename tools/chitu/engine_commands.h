#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "chitu_core/config/compose/compose.h"

namespace chitu::tools {

/// What `chitu calibrate` was given.
struct CalibrateCall {
  std::filesystem::path file{};  ///< to write
  bool force = false;            ///< also where there is one
  std::string device = "auto";
  std::filesystem::path disk{};  ///< the folder whose drive is measured; empty = the file's
};

/// A subcommand that needs the engine, and what it was given.
struct EngineCall {
  std::string command{};              ///< run, check, graph, plan, calibrate, tokenize, info
  config::Composition composition{};  ///< of run, check, graph and plan
  std::filesystem::path folder{};     ///< of run: where its files go
  bool own_folder = false;            ///< of run: a folder that is there already is not used
  bool restarts_clock = false;        ///< of run: its seconds count from now, not from the process
  std::string
      format{};  ///< of graph: text, mermaid, dot, json; of plan: table, json, csv, markdown
  std::optional<std::string> fit{};  ///< of plan: the limit to find sizes for
  bool explain = false;              ///< of plan: what makes up the peaks
  bool dry = false;                  ///< of plan: the memory plan itself
  std::string ckpt_dir{};            ///< of tokenize
  CalibrateCall calibrate{};
};

}  // namespace chitu::tools

/// The entry of the engine library, which the command opens only for these subcommands: loading
/// libtorch takes longer than composing a configuration. Returns the exit code; throws what failed.
extern "C" int chitu_engine_command(const chitu::tools::EngineCall& call);
