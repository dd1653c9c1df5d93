# chitu::build: the flags, warnings and sanitizers of every chitu target.
add_library(chitu_build INTERFACE)
add_library(chitu::build ALIAS chitu_build)
target_include_directories(chitu_build INTERFACE ${PROJECT_SOURCE_DIR})
# Position independent everywhere: libraries and executables then share one precompiled header.
# GCC 12 sees -Wrestrict in every "text" + std::string (its bug 105651). Clang warns where it does not
# vectorize a loop that says it may, as without optimisation.
target_compile_options(chitu_build INTERFACE -Wall -Wextra -Wpedantic -Wshadow -fPIC
  -fno-semantic-interposition
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<CXX_COMPILER_ID:Clang>:-Wno-pass-failed>
  $<$<BOOL:${CHITU_WARNINGS_AS_ERRORS}>:-Werror>)
if(CHITU_SANITIZE)
  target_compile_options(chitu_build INTERFACE
    -fsanitize=${CHITU_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(chitu_build INTERFACE -fsanitize=${CHITU_SANITIZE})
endif()

# libtorch carries its own, newer fmt in its include folder; spdlog must see the one it was built with.
get_target_property(fmt_include fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/fmt_first)
file(CREATE_LINK ${fmt_include}/fmt ${PROJECT_BINARY_DIR}/fmt_first/fmt SYMBOLIC)
target_include_directories(chitu_build BEFORE INTERFACE ${PROJECT_BINARY_DIR}/fmt_first)

find_program(CHITU_CCACHE ccache)
if(CHITU_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
    CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${CHITU_CCACHE})
endif()
# A link against libtorch takes gigabytes: two at once are enough.
set_property(GLOBAL PROPERTY JOB_POOLS torch_link=2)
