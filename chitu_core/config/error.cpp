#include "chitu_core/config/error.h"
