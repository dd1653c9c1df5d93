# Finds libtorch by its folders alone, so that a CUDA wheel needs no CUDA toolkit here.
#
# Looks at LibTorch_ROOT (a libtorch folder or site-packages/torch), else asks the interpreter in
# LibTorch_PYTHON where its torch is. Makes the target LibTorch::LibTorch.
option(LibTorch_CPU_ONLY "Leave out the CUDA half of a CUDA build, which needs CUDA's libraries" OFF)
if(NOT LibTorch_ROOT AND DEFINED ENV{LibTorch_ROOT})
  set(LibTorch_ROOT $ENV{LibTorch_ROOT})
endif()
if(NOT LibTorch_ROOT AND LibTorch_PYTHON)
  # find_spec reads no torch code: importing torch would take seconds.
  execute_process(
    COMMAND ${LibTorch_PYTHON} -c
            "import importlib.util as u, os; print(os.path.dirname(u.find_spec('torch').origin))"
    OUTPUT_VARIABLE LibTorch_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()

find_path(LibTorch_INCLUDE_DIR ATen/ATen.h PATHS ${LibTorch_ROOT} PATH_SUFFIXES include
          NO_DEFAULT_PATH)
foreach(name IN ITEMS torch torch_cpu c10)
  find_library(LibTorch_${name}_LIBRARY ${name} PATHS ${LibTorch_ROOT} PATH_SUFFIXES lib
               NO_DEFAULT_PATH)
endforeach()
foreach(name IN ITEMS torch_cuda c10_cuda)  # present in a CUDA build only
  find_library(LibTorch_${name}_LIBRARY ${name} PATHS ${LibTorch_ROOT} PATH_SUFFIXES lib
               NO_DEFAULT_PATH)
endforeach()

set(LibTorch_VERSION "")
if(LibTorch_INCLUDE_DIR AND EXISTS ${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h)
  file(STRINGS ${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h version_lines
       REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX REPLACE "[^0-9]+([0-9]+)" ".\\1" LibTorch_VERSION "${version_lines}")
  string(REGEX REPLACE "^\\." "" LibTorch_VERSION "${LibTorch_VERSION}")
  string(REPLACE ";" "" LibTorch_VERSION "${LibTorch_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_torch_LIBRARY LibTorch_torch_cpu_LIBRARY LibTorch_c10_LIBRARY
                LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "pass -DLibTorch_ROOT=<libtorch folder>, or run tools/build, which finds or installs one")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE
    ${LibTorch_INCLUDE_DIR} ${LibTorch_INCLUDE_DIR}/torch/csrc/api/include)
  set(libraries ${LibTorch_torch_cpu_LIBRARY} ${LibTorch_c10_LIBRARY})
  foreach(name IN ITEMS torch torch_cuda c10_cuda)  # in a CUDA build, libtorch needs libtorch_cuda
    if(LibTorch_${name}_LIBRARY AND NOT LibTorch_CPU_ONLY)
      list(APPEND libraries ${LibTorch_${name}_LIBRARY})
    endif()
  endforeach()
  # The OpenMP library that libtorch itself uses: a wheel brings its own.
  cmake_path(GET LibTorch_c10_LIBRARY PARENT_PATH LibTorch_folder)
  file(GLOB LibTorch_openmp_LIBRARY ${LibTorch_folder}/libgomp*.so*)
  list(APPEND libraries ${LibTorch_openmp_LIBRARY})
  if(NOT LibTorch_openmp_LIBRARY)
    list(APPEND libraries gomp)
  endif()
  # Operators register themselves when a library loads; without --no-as-needed the linker would
  # leave out those that no symbol names.
  target_link_libraries(LibTorch::LibTorch INTERFACE
    -Wl,--push-state,--no-as-needed ${libraries} -Wl,--pop-state)
endif()
mark_as_advanced(LibTorch_INCLUDE_DIR LibTorch_torch_LIBRARY LibTorch_torch_cpu_LIBRARY
                 LibTorch_c10_LIBRARY LibTorch_torch_cuda_LIBRARY LibTorch_c10_cuda_LIBRARY)
