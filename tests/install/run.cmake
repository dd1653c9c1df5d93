# Installs the build in BUILD below WORK, builds the programs in examples/ against it and runs them.
include(${CMAKE_CURRENT_LIST_DIR}/run_expecting.cmake)

file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
run("chituConfig.cmake" ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
run("" ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK}/build -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${prefix}
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${FLAGS})
run("" ${CMAKE_COMMAND} --build ${WORK}/build)
# A component or a version that does not exist is answered with those that do.
function(refused expected)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK}/wrong -G ${GENERATOR} --fresh
                          -DCMAKE_PREFIX_PATH=${prefix} ${ARGN}
                  RESULT_VARIABLE code OUTPUT_QUIET ERROR_VARIABLE err)
  string(REGEX REPLACE "[ \n]+" " " err "${err}")
  if(code EQUAL 0 OR NOT err MATCHES "${expected}")
    message(FATAL_ERROR "find_package(chitu ${ARGN}): exit code ${code}\n${err}")
  endif()
endfunction()
refused("chitu has no component pipeline; there are: config, engine" -DCOMPONENT=pipeline)
refused("version: 0\\.[0-9]+\\.[0-9]+" -DVERSION=0.1)

set(root ${CMAKE_CURRENT_LIST_DIR}/../..)
run("7 steps at 0.001" ${WORK}/build/consumer ${root}/examples steps=7)
# Public headers are in chitu/, what is not for programs is not installed.
set(public "")
foreach(folder IN ITEMS chitu_core pipelines)
  file(GLOB headers RELATIVE ${root}/${folder}/include/chitu ${root}/${folder}/include/chitu/*.h)
  list(APPEND public ${headers})
endforeach()
list(SORT public)
file(GLOB installed RELATIVE ${prefix}/include/chitu ${prefix}/include/chitu/*.h)
if(NOT public STREQUAL installed OR EXISTS ${prefix}/include/chitu/detail/pipelines/api
   OR EXISTS ${prefix}/include/chitu/detail/pipelines/include
   OR EXISTS ${prefix}/include/chitu/detail/chitu_core/include OR EXISTS ${prefix}/include/chitu_core)
  message(FATAL_ERROR "expected the public headers ${public}, installed are ${installed}")
endif()
run("SONAME.*libchitu_engine.so.0.2\\]" readelf -d ${prefix}/lib/libchitu_engine.so)

# The examples. They find the shipped configurations and the demo model in the prefix.
run("" ${CMAKE_COMMAND} -S ${root}/examples -B ${WORK}/examples -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${prefix}
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${FLAGS})
run("" ${CMAKE_COMMAND} --build ${WORK}/examples)
set(at WORKING_DIRECTORY ${WORK})
function(makes file)
  run("" ${ARGN} ${at})
  if(NOT EXISTS ${WORK}/${file})
    message(FATAL_ERROR "${ARGN} did not write ${file}")
  endif()
endfunction()
makes(circle.mp4 ${WORK}/examples/minimal)
foreach(name IN ITEMS small_tiles film_grain even_euler every_other)
  makes(${name}.mp4 ${WORK}/examples/${name})
endforeach()
run("denoise.*step 20 of 20.*decode_latents" ${WORK}/examples/progress
    ${prefix}/share/chitu/assets/demo-t2v "a red circle" ${at})
file(WRITE ${WORK}/prompts.txt "a red circle\na blue cross\n")
run("video_0.mp4\nvideo_1.mp4" ${WORK}/examples/batch prompts.txt ${at})

# The same with pkg-config in place of CMake.
find_program(PKG_CONFIG pkg-config)
if(PKG_CONFIG)
  foreach(name IN ITEMS compose minimal)
    set(package chitu-engine)
    if(name STREQUAL compose)
      set(package chitu-config)
    endif()
    run("-lchitu_config" ${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${prefix}/lib/pkgconfig
        ${PKG_CONFIG} --cflags --libs ${package})
    separate_arguments(flags UNIX_COMMAND "${out}")
    run("" ${COMPILER} ${FLAGS} ${root}/examples/${name}.cpp -o ${WORK}/${name} ${flags})
  endforeach()
  run("7 steps at 0.001" ${WORK}/compose ${root}/examples steps=7)
  file(REMOVE ${WORK}/circle.mp4)
  makes(circle.mp4 ${WORK}/minimal)
endif()

# The installed command finds its configurations, its engine and the demo model.
run("seed: 0" ${prefix}/bin/chitu config)
run("encode_text" ${prefix}/bin/chitu graph)
run("weights between stages" ${prefix}/bin/chitu plan)
file(STRINGS ${prefix}/share/man/man1/chitu.1 title LIMIT_COUNT 1)
if(NOT title MATCHES "^.TH CHITU 1")
  message(FATAL_ERROR "share/man/man1/chitu.1 begins with ${title}")
endif()
file(REMOVE_RECURSE ${WORK})
