# Installs the build in BUILD below WORK, builds the programs in examples/ against it and runs them.
function(run expected)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT code EQUAL 0 OR NOT out MATCHES "${expected}")
    message(FATAL_ERROR "${ARGN}\nexit code ${code}, expected output: ${expected}\n${out}${err}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
run("chituConfig.cmake" ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
run("" ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK}/build -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${prefix}
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${FLAGS})
run("" ${CMAKE_COMMAND} --build ${WORK}/build)
# A component that does not exist is answered with those that do.
execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK}/wrong -G ${GENERATOR}
                        -DCMAKE_PREFIX_PATH=${prefix} -DCOMPONENT=pipeline
                RESULT_VARIABLE code OUTPUT_QUIET ERROR_VARIABLE err)
string(REGEX REPLACE "[ \n]+" " " err "${err}")
if(code EQUAL 0 OR NOT err MATCHES "chitu has no component pipeline; there are: config, pipelines")
  message(FATAL_ERROR "find_package(chitu COMPONENTS pipeline): exit code ${code}\n${err}")
endif()
set(root ${CMAKE_CURRENT_LIST_DIR}/../..)
run("7 steps at 0.001" ${WORK}/build/consumer ${root}/examples steps=7)
# The examples, in a folder from which they see the demo model.
run("" ${CMAKE_COMMAND} -S ${root}/examples -B ${WORK}/examples -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${prefix}
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${FLAGS})
run("" ${CMAKE_COMMAND} --build ${WORK}/examples)
file(CREATE_LINK ${root}/assets ${WORK}/assets SYMBOLIC)
set(at WORKING_DIRECTORY ${WORK})
run("video.mp4" ${WORK}/examples/generate ${at})
run("video.mp4" ${WORK}/examples/small_tiles ${at})
run("denoise.*step 20 of 20.*decode_latents" ${WORK}/examples/progress assets/demo-t2v "a red circle" ${at})
# The installed command finds its configurations, its engine and the demo model.
run("seed: 0" ${prefix}/bin/chitu config)
run("encode_text" ${prefix}/bin/chitu graph)
run("weights at rest" ${prefix}/bin/chitu plan)
file(STRINGS ${prefix}/share/man/man1/chitu.1 title LIMIT_COUNT 1)
if(NOT title MATCHES "^.TH CHITU 1")
  message(FATAL_ERROR "share/man/man1/chitu.1 begins with ${title}")
endif()
file(REMOVE_RECURSE ${WORK})
