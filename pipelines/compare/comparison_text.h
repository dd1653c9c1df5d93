#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "pipelines/compare/comparison.h"

namespace chitu::pipelines {

/// "38.41 dB", or "identical" for an infinite PSNR.
std::string psnr_text(double psnr_db);

/// "1.8 MiB" for equal sizes, else "1.8 MiB -> 2.8 MiB (+1.0 MiB)".
std::string change_text(std::int64_t before, std::int64_t after);

/// "2" for equal counts, else "1 -> 2".
std::string count_change(std::int64_t before, std::int64_t after);

/// Rows of cells, each column as wide as its widest cell.
std::vector<std::string> aligned_lines(const std::vector<std::vector<std::string>>& rows);

/// The cells of a table with a head and a row for each frame, or for each stage.
std::vector<std::vector<std::string>> frame_rows(const std::vector<FrameDifference>& frames);
std::vector<std::vector<std::string>> stage_rows(const std::vector<StagePair>& stages);

/// What was compared, how far it is apart, and what is beyond the tolerance, for a terminal.
std::string to_text(const Comparison& comparison);

/// The same for programs; docs/regress.md describes it.
nlohmann::json to_json(const Comparison& comparison);

}  // namespace chitu::pipelines
