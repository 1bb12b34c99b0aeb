# Installed below the Python package: headers, libraries and the CMake package files, so that
# `python -m wengert --cmake-dir` is all a C++ program needs to find them.
include(CMakePackageConfigHelpers)

set(WENGERT_INSTALL_ROOT wengert)
set_target_properties(wengert PROPERTIES INSTALL_RPATH "$ORIGIN" BUILD_WITH_INSTALL_RPATH OFF)

install(DIRECTORY cpp/include/wengert DESTINATION ${WENGERT_INSTALL_ROOT}/include)
install(TARGETS wengert EXPORT wengert-targets LIBRARY DESTINATION ${WENGERT_INSTALL_ROOT}/lib
        INCLUDES DESTINATION ${WENGERT_INSTALL_ROOT}/include)
install(FILES ${WENGERT_OPENBLAS_LIBRARY} DESTINATION ${WENGERT_INSTALL_ROOT}/lib)
install(EXPORT wengert-targets NAMESPACE wengert::
        DESTINATION ${WENGERT_INSTALL_ROOT}/lib/cmake/wengert)
configure_package_config_file(
  cmake/wengert-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/wengert-config.cmake
  INSTALL_DESTINATION ${WENGERT_INSTALL_ROOT}/lib/cmake/wengert)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/wengert-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/wengert-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/wengert-config-version.cmake
        DESTINATION ${WENGERT_INSTALL_ROOT}/lib/cmake/wengert)
