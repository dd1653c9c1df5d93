# run(EXPECTED COMMAND...) runs a command that has to succeed and print what the regular expression EXPECTED matches.
# Its output is in `out` afterwards.
function(run expected)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT code EQUAL 0 OR NOT out MATCHES "${expected}")
    message(FATAL_ERROR "${ARGN}\nexit code ${code}, expected output: ${expected}\n${out}${err}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()
