# Makes the Debian package of the build in BUILD, unpacks it below WORK, and runs the command there.
include(${CMAKE_CURRENT_LIST_DIR}/run_expecting.cmake)

file(REMOVE_RECURSE ${WORK})
run("generated" ${CPACK} --config ${BUILD}/CPackConfig.cmake -B ${WORK})
file(GLOB package ${WORK}/*.deb)
run("Package: chitu" dpkg-deb --info ${package})
if(NOT out MATCHES "Depends: [^\n]*libavcodec" OR NOT out MATCHES "Depends: [^\n]*libyaml-cpp")
  message(FATAL_ERROR "the package does not depend on what it needs:\n${out}")
endif()
run("" dpkg-deb --extract ${package} ${WORK}/root)
set(usr ${WORK}/root/usr)

# Nothing in it names a folder of this machine.
file(GLOB libraries ${usr}/lib/libchitu_*.so)
foreach(program IN ITEMS ${usr}/bin/chitu ${libraries})
  run("" readelf -d ${program})
  if(out MATCHES "R(UN)?PATH[^\n]*\\[[^]\n]*(\\[|:)/" OR out MATCHES "${BUILD}")
    message(FATAL_ERROR "${program}: looks for libraries in folders of this machine:\n${out}")
  endif()
endforeach()
file(READ ${usr}/lib/cmake/chitu/chituConfig.cmake text)
if(text MATCHES "set\\(LibTorch_ROOT" )
  message(FATAL_ERROR "chituConfig.cmake names the libtorch of this machine:\n${text}")
endif()

# The command of the package makes a video with the libtorch of the package.
run("encode_text" ${CMAKE_COMMAND} -E env --unset=LD_LIBRARY_PATH ${usr}/bin/chitu graph)
run("video.mp4" ${CMAKE_COMMAND} -E env --unset=LD_LIBRARY_PATH ${usr}/bin/chitu
    "prompt=a red circle" num_inference_steps=2 hydra.run.dir=${WORK}/out)
file(REMOVE_RECURSE ${WORK})
