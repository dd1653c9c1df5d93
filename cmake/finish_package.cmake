# Run by cpack on the files of the package: they find libtorch in lib/chitu/ of the package, and nothing
# in it names a folder of the machine that built it.
if(CPACK_CHITU_LIBTORCH_CUDA)
  message(FATAL_ERROR "the package carries libtorch, and this one is built for CUDA: gigabytes. Expected a "
                      "libtorch for the CPU (LibTorch_ROOT), or use the Dockerfile")
endif()

file(GLOB_RECURSE libraries LIST_DIRECTORIES FALSE ${CPACK_TEMPORARY_DIRECTORY}/*/libchitu_*.so*)
foreach(library IN LISTS libraries)
  if(NOT IS_SYMLINK ${library})
    file(RPATH_SET FILE ${library} NEW_RPATH "$ORIGIN:$ORIGIN/chitu")
  endif()
endforeach()

file(GLOB_RECURSE packages ${CPACK_TEMPORARY_DIRECTORY}/*/chituConfig.cmake
     ${CPACK_TEMPORARY_DIRECTORY}/*/chitu-engine.pc)
foreach(package IN LISTS packages)
  file(READ ${package} text)
  string(REPLACE "-L\${libtorch_libdir} -Wl,-rpath,\${libtorch_libdir}"
                 "-L\${libdir}/chitu -Wl,-rpath,\${libdir}/chitu" text "${text}")
  string(REGEX REPLACE "(Cflags: -isystem|libtorch(_libdir)?=)[^\n]*\n" "" text "${text}")
  string(REGEX REPLACE "set\\(LibTorch_ROOT [^\n]*\n" "\n" text "${text}")
  file(WRITE ${package} "${text}")
endforeach()
