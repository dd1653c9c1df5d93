#pragma once

#include <string>
#include <string_view>

namespace chitu::io {

/// Cleans a prompt as diffusers' Wan pipelines do before they tokenize it: ftfy's fix_text (except
/// for what text/fix_text.h lists), HTML character references replaced twice, runs of white space
/// replaced by one space and removed at the ends.
/// Throws InputError when the prompt is not valid UTF-8.
/// source  diffusers 0.42, pipelines/wan/pipeline_wan.py, prompt_clean
std::string prompt_clean(std::string_view prompt);

}  // namespace chitu::io
