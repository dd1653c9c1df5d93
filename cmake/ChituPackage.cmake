# `cpack`: a Debian package of what `cmake --install` installs. Debian has no libtorch of this version,
# so the package carries the libraries of the one that chitu was built with, in lib/chitu/; everything
# else it takes from Debian. A libtorch for CUDA has gigabytes: for that, see the Dockerfile.
set(libtorch_libraries ${LibTorch_torch_cpu_LIBRARY} ${LibTorch_c10_LIBRARY} ${LibTorch_torch_LIBRARY})
file(GLOB libtorch_openmp ${libtorch_folder}/libgomp*.so*)
install(FILES ${libtorch_libraries} ${libtorch_openmp} DESTINATION ${CMAKE_INSTALL_LIBDIR}/chitu
        COMPONENT libtorch EXCLUDE_FROM_ALL)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/chitu RENAME copyright
        COMPONENT libtorch EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME chitu)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The chitu developers <chitu@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Text to video on little GPU memory")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/package)
set(CPACK_COMPONENTS_ALL Unspecified libtorch)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
set(CPACK_DEBIAN_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${libtorch_folder} ${CMAKE_LIBRARY_OUTPUT_DIRECTORY})
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/finish_package.cmake)
set(CPACK_CHITU_LIBTORCH_CUDA "${LibTorch_torch_cuda_LIBRARY}")
set(CPACK_CHITU_LIBTORCH_FOLDER "${libtorch_folder}")
include(CPack)
