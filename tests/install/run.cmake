# Installs the build in BUILD below WORK, builds the program beside this file against it and runs both.
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
run("7 steps at 0.001" ${WORK}/build/consumer ${CMAKE_CURRENT_LIST_DIR} steps=7)
# The installed command finds its configurations, its engine and the demo model.
run("seed: 0" ${prefix}/bin/chitu config)
run("encode_text" ${prefix}/bin/chitu graph)
run("weights at rest" ${prefix}/bin/chitu plan)
file(REMOVE_RECURSE ${WORK})
