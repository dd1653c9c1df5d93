# Fails when chitu/chitu.h, or what a program of the component `config` includes, reaches a header of
# another package, and when a public header does not compile by itself.
cmake_minimum_required(VERSION 3.24)
set(flags -std=c++20 -I${ROOT}/pipelines/include -I${ROOT}/chitu_core/include -I${ROOT} -x c++)

# All files that a header includes.
function(closure_of header out)
  execute_process(COMMAND ${COMPILER} ${flags} -M ${ROOT}/pipelines/include/chitu/${header}
                  RESULT_VARIABLE code OUTPUT_VARIABLE rule ERROR_VARIABLE err)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "chitu/${header} does not compile without other packages:\n${err}")
  endif()
  string(REGEX REPLACE "[ \\\n]+" ";" files "${rule}")
  set(${out} "${files}" PARENT_SCOPE)
endfunction()

foreach(header IN ITEMS chitu.h bind.h)
  closure_of(${header} files)
  list(LENGTH files count)
  if(count LESS 50)
    message(SEND_ERROR "read only ${count} files below chitu/${header}")
  endif()
  foreach(package IN ITEMS ATen c10 torch nlohmann yaml-cpp spdlog fmt range CLI)
    set(found ${files})
    list(FILTER found INCLUDE REGEX "/${package}/")
    if(found)
      message(SEND_ERROR "chitu/${header} includes ${package}: ${found}")
    endif()
  endforeach()
endforeach()

# Those of extensions may include libtorch. Each header compiles alone, without a warning.
file(GLOB headers ${ROOT}/pipelines/include/chitu/*.h ${ROOT}/chitu_core/include/chitu/*.h)
foreach(path IN LISTS headers)
  get_filename_component(header ${path} NAME)
  file(WRITE ${WORK}/alone.cpp "#include \"chitu/${header}\"\n")
  execute_process(COMMAND ${COMPILER} ${flags} -isystem ${LIBTORCH} -Wall -Wextra -Werror
                          -fsyntax-only ${WORK}/alone.cpp
                  RESULT_VARIABLE code ERROR_VARIABLE err)
  if(NOT code EQUAL 0)
    message(SEND_ERROR "chitu/${header} does not compile alone:\n${err}")
  endif()
endforeach()
