# `cmake --install`: the command with its libraries, configurations and demo model, and what
# find_package(chitu) and pkg-config need.
#
# Headers of the C++ API go to include/chitu/. What they and extensions build on goes to
# include/chitu/detail/ and may change with every minor version.
include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/chitu)
set(data_folder ${CMAKE_INSTALL_DATADIR}/chitu)

install(TARGETS chitu RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${PROJECT_BINARY_DIR}/man/chitu.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(DIRECTORY chitu_core/include/chitu pipelines/include/chitu DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY chitu_core pipelines DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/chitu/detail
        FILES_MATCHING PATTERN "*.h" REGEX "/(chitu_core|pipelines)/(include|api)$" EXCLUDE)
install(DIRECTORY config assets DESTINATION ${data_folder})

install(EXPORT chitu NAMESPACE chitu:: DESTINATION ${package_folder} FILE chituTargets.cmake)
install(EXPORT chitu_engine NAMESPACE chitu:: DESTINATION ${package_folder}
        FILE chituEngineTargets.cmake)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/chituConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/chituConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/chituConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/chituConfig.cmake ${PROJECT_BINARY_DIR}/chituConfigVersion.cmake
              ${CMAKE_CURRENT_LIST_DIR}/FindLibTorch.cmake
        DESTINATION ${package_folder})

cmake_path(GET LibTorch_c10_LIBRARY PARENT_PATH libtorch_folder)
foreach(part IN ITEMS config engine)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/chitu-${part}.pc.in
                 ${PROJECT_BINARY_DIR}/chitu-${part}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/chitu-${part}.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
