# chitu_library(<name> SOURCES ... [PUBLIC ...] [PRIVATE ...] [TORCH] [OPENED])
#
# One folder of the tree as the shared library chitu_<name>, alias chitu::<name>. TORCH links
# libtorch and compiles with the shared precompiled ATen header. Shared, because the linker drops
# from a static archive the files that only register something. Installed for find_package(chitu):
# without TORCH as part of the package, with it as its component `engine`; OPENED libraries are
# opened at run time by a name without a version, not linked.
function(chitu_library name)
  cmake_parse_arguments(arg "TORCH;OPENED" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(chitu_${name} SHARED ${arg_SOURCES})
  add_library(chitu::${name} ALIAS chitu_${name})
  set_target_properties(chitu_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(chitu_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/chitu/detail>)
  target_compile_features(chitu_${name} PUBLIC cxx_std_20)
  target_link_libraries(chitu_${name} PUBLIC ${arg_PUBLIC}
                        PRIVATE $<BUILD_INTERFACE:chitu::build> ${arg_PRIVATE})
  set(export EXPORT chitu)
  if(arg_TORCH)
    set(export EXPORT chitu_engine)
  endif()
  if(arg_OPENED)
    set(export "")
  else()  # before 1.0 every minor version may have another binary interface
    set_target_properties(chitu_${name} PROPERTIES VERSION ${PROJECT_VERSION}
                          SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  endif()
  install(TARGETS chitu_${name} ${export} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  if(NOT CHITU_SANITIZE)  # the sanitizers' own symbols come with the executable
    target_link_options(chitu_${name} PRIVATE -Wl,--no-undefined)
  endif()
  chitu_target(chitu_${name} ${arg_TORCH})
endfunction()

# chitu_executable(<name> SOURCES ... [LIBRARIES ...] [TORCH])
function(chitu_executable name)
  cmake_parse_arguments(arg "TORCH" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE chitu::build ${arg_LIBRARIES})
  chitu_target(${name} ${arg_TORCH})
endfunction()

function(chitu_target target torch)
  # The <target>_EXPORTS macro would make every library's precompiled header its own.
  set(installed_rpath "$ORIGIN" "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  if(torch)
    # By name: CMake's own list of link folders leaves out those below the source tree, where
    # tools/build puts a libtorch.
    cmake_path(GET LibTorch_c10_LIBRARY PARENT_PATH libtorch_folder)
    list(APPEND installed_rpath "$ORIGIN/chitu" ${libtorch_folder})
  endif()
  set_target_properties(${target} PROPERTIES DEFINE_SYMBOL "" BUILD_RPATH "$ORIGIN;$ORIGIN/../lib"
                        INSTALL_RPATH "${installed_rpath}" INSTALL_RPATH_USE_LINK_PATH ON)
  if(torch)
    target_link_libraries(${target} PUBLIC LibTorch::LibTorch)
    target_precompile_headers(${target} REUSE_FROM chitu_pch)
    set_property(TARGET ${target} PROPERTY JOB_POOL_LINK torch_link)
  endif()
endfunction()

# The precompiled header: ATen takes seconds a file, and nearly every file of the library needs it.
file(WRITE ${PROJECT_BINARY_DIR}/chitu_pch.cpp.in "// Exists to carry the precompiled header.\n")
file(COPY_FILE ${PROJECT_BINARY_DIR}/chitu_pch.cpp.in ${PROJECT_BINARY_DIR}/chitu_pch.cpp
     ONLY_IF_DIFFERENT)
add_library(chitu_pch OBJECT ${PROJECT_BINARY_DIR}/chitu_pch.cpp)
target_link_libraries(chitu_pch PUBLIC chitu::build LibTorch::LibTorch)
target_precompile_headers(chitu_pch PUBLIC <ATen/ATen.h> <filesystem> <functional> <map> <memory>
  <optional> <string> <string_view> <vector>)
