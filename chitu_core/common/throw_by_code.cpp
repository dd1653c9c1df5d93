#include "chitu_core/common/throw_by_code.h"

#include "chitu_core/common/error.h"
#include "chitu_core/common/interrupted_by.h"

namespace chitu {

void throw_by_code(int exit_code, const std::string& text) {
  if (exit_code == exit_codes::kInputError) throw InputError(text);
  if (exit_code == exit_codes::kOutOfMemory) throw OutOfMemoryError(text);
  if (exit_code > InterruptedBy::exit_code_of(0))
    throw InterruptedBy(exit_code - InterruptedBy::exit_code_of(0), text);
  throw Error(text);
}

}  // namespace chitu
