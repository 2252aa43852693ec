# Headers, both libraries, the CMake package and the pkg-config file, all of which work when moved to another prefix.

include(CMakePackageConfigHelpers)

# What the static library needs, as others find it: by name, and with its folder if linkers and loaders do not look there
# by themselves.
set(lstm_needed_libraries "${JANSSON_LIBRARY}" "${ZLIB_LIBRARIES}")
set(lstm_needed_variables LSTM_JANSSON_LIBRARY LSTM_ZLIB_LIBRARY)
if(CBLAS_FOUND)
  list(PREPEND lstm_needed_libraries "${CBLAS_LIBRARIES}")
  list(PREPEND lstm_needed_variables LSTM_CBLAS_LIBRARY)
endif()
set(lstm_needed_names "")
set(lstm_needed_dirs "")
set(lstm_needed_links "")
foreach(library IN LISTS lstm_needed_libraries)
  cmake_path(GET library PARENT_PATH dir)
  cmake_path(GET library STEM name)
  string(REGEX REPLACE "^lib" "" name "${name}")
  list(APPEND lstm_needed_names "${name}")
  list(APPEND lstm_needed_dirs "${dir}")
  if(NOT dir IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
    list(APPEND lstm_needed_links "-L${dir}" "-Wl,-rpath,${dir}")
  endif()
  list(APPEND lstm_needed_links "-l${name}")
endforeach()
list(JOIN lstm_needed_links " " lstm_needed_links)

# The prefix, seen from the folder of lstm.pc.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(lstm_pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH lstm_pc_prefix "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" /prefix)
  string(REGEX REPLACE "/$" "" lstm_pc_prefix "\${pcfiledir}/${lstm_pc_prefix}")
endif()
cmake_path(APPEND lstm_pc_libdir "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
cmake_path(APPEND lstm_pc_includedir "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
configure_file(cmake/lstm.pc.in lstm.pc @ONLY)

set(lstm_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/lstm")
configure_package_config_file(cmake/lstmConfig.cmake.in lstmConfig.cmake INSTALL_DESTINATION "${lstm_package_dir}")
write_basic_package_version_file(lstmConfigVersion.cmake COMPATIBILITY SameMinorVersion)

# Components, each of which is a package of its own in packages.cmake.
install(TARGETS lstm EXPORT lstm_shared
  LIBRARY COMPONENT lstm_runtime NAMELINK_COMPONENT lstm_development)
set(lstm_for COMPONENT lstm_development)
install(DIRECTORY include/lstm DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" ${lstm_for} FILES_MATCHING PATTERN "*.h")
install(TARGETS lstm_static EXPORT lstm_static ARCHIVE ${lstm_for})
install(EXPORT lstm_shared NAMESPACE lstm:: FILE lstmShared.cmake DESTINATION "${lstm_package_dir}" ${lstm_for})
install(EXPORT lstm_static NAMESPACE lstm:: FILE lstmStatic.cmake DESTINATION "${lstm_package_dir}" ${lstm_for})
install(FILES "${PROJECT_BINARY_DIR}/lstmConfig.cmake" "${PROJECT_BINARY_DIR}/lstmConfigVersion.cmake"
  DESTINATION "${lstm_package_dir}" ${lstm_for})
install(FILES "${PROJECT_BINARY_DIR}/lstm.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" ${lstm_for})
