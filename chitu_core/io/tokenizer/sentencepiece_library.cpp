#include "chitu_core/io/tokenizer/sentencepiece_library.h"

#include <dlfcn.h>

#include <filesystem>

#include "chitu_core/common/error.h"

namespace chitu::io {
namespace {

#ifndef __SANITIZE_ADDRESS__
constexpr const char* kName = "libchitu_sentencepiece.so";

/// The folder of the library that contains this function; the library to open is next to it.
std::filesystem::path own_folder() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&own_folder), &info) == 0 || !info.dli_fname)
    return {};
  return std::filesystem::path(info.dli_fname).parent_path();
}
#endif

using Make = SentencePieceModel*();

Make* find_maker() {
#ifdef __SANITIZE_ADDRESS__
  throw Error("a tokenizer with spiece.model alone needs a build without AddressSanitizer");
#else
  const std::string path = (own_folder() / kName).string();
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (!library) throw Error(std::string("cannot open the sentencepiece library: ") + ::dlerror());
  return reinterpret_cast<Make*>(::dlsym(library, "chitu_make_sentencepiece_model"));
#endif
}

}  // namespace

std::unique_ptr<SentencePieceModel> make_sentencepiece_model() {
  static Make* const make = find_maker();
  return std::unique_ptr<SentencePieceModel>(make());
}

}  // namespace chitu::io
