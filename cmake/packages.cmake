# Debian packages, made by cpack in a build of the preset debian, and the source as a tarball.

set(CPACK_PACKAGE_NAME lstm)
set(CPACK_PACKAGE_VENDOR "the liblstm authors")
set(CPACK_PACKAGE_CONTACT "the liblstm authors <maintainers@liblstm.invalid>" CACHE STRING "The packages' maintainer")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_SOURCE_GENERATOR TGZ)
set(CPACK_SOURCE_PACKAGE_FILE_NAME "lstm-${PROJECT_VERSION}")
set(CPACK_SOURCE_IGNORE_FILES
  "/build/" "/\\\\.git/" "/\\\\.git$" "/\\\\.cache/" "/__pycache__/" "compile_commands.json" "CMakeUserPresets.json" "~$" "\\\\.swp$")

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL lstm_runtime lstm_development lstm_tools)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 0upstream1) # older than any of Debian's own
set(lstm_debian_version "${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}")
set(CPACK_DEBIAN_PACKAGE_SOURCE lstm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PROJECT_BINARY_DIR}")

set(lstm_what "liblstm trains recurrent neural networks and runs them inside other
programs: TensorFlow 1's recurrent cells, unrolling, losses and optimizers,
in C and in single precision. A result has the same bits for any number of
threads, alone or in a batch, whole or as a stream.
")
set(CPACK_DEBIAN_LSTM_RUNTIME_PACKAGE_NAME "liblstm${PROJECT_VERSION_MAJOR}")
set(CPACK_DEBIAN_LSTM_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_LSTM_RUNTIME_DESCRIPTION "recurrent neural networks on the CPU - shared library
${lstm_what}
This package has the shared library.")

set(CPACK_DEBIAN_LSTM_DEVELOPMENT_PACKAGE_NAME liblstm-dev)
set(CPACK_DEBIAN_LSTM_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LSTM_DEVELOPMENT_PACKAGE_DEPENDS # of the static library
  "${CPACK_DEBIAN_LSTM_RUNTIME_PACKAGE_NAME} (= ${lstm_debian_version}), libblas-dev | libblas.so, libjansson-dev, zlib1g-dev")
set(CPACK_COMPONENT_LSTM_DEVELOPMENT_DESCRIPTION "recurrent neural networks on the CPU - development files
${lstm_what}
This package has what programs are compiled with: headers, static library,
files for CMake and pkg-config, and the documents.")

set(CPACK_DEBIAN_LSTM_TOOLS_PACKAGE_NAME lstm-tools)
set(CPACK_DEBIAN_LSTM_TOOLS_PACKAGE_SECTION science)
set(CPACK_DEBIAN_LSTM_TOOLS_PACKAGE_DEPENDS "${CPACK_DEBIAN_LSTM_RUNTIME_PACKAGE_NAME} (= ${lstm_debian_version})")
set(CPACK_COMPONENT_LSTM_TOOLS_DESCRIPTION "recurrent neural networks on the CPU - commands
${lstm_what}
This package has lstm-run, which runs a trained model on the sequences of
a file, describes it and replays its recorded tests.")

# 0.x and 0.y have one soname and are not compatible: what is linked with one wants its minor version.
set(lstm_debian_shlibs "liblstm ${PROJECT_VERSION_MAJOR} ${CPACK_DEBIAN_LSTM_RUNTIME_PACKAGE_NAME} (>= ${PROJECT_VERSION})")
if(PROJECT_VERSION_MAJOR EQUAL 0)
  math(EXPR lstm_next_minor "${PROJECT_VERSION_MINOR} + 1")
  string(APPEND lstm_debian_shlibs ", ${CPACK_DEBIAN_LSTM_RUNTIME_PACKAGE_NAME} (<< 0.${lstm_next_minor}~)")
endif()
file(CONFIGURE OUTPUT debian/shlibs CONTENT "@lstm_debian_shlibs@\n" @ONLY)
file(CONFIGURE OUTPUT debian/triggers CONTENT "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_LSTM_RUNTIME_PACKAGE_CONTROL_EXTRA "${PROJECT_BINARY_DIR}/debian/shlibs;${PROJECT_BINARY_DIR}/debian/triggers")

# What Debian wants below /usr/share/doc.
string(TIMESTAMP lstm_debian_date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(READ LICENSE lstm_license)
string(REGEX REPLACE "^.*\n(Permission)" "\\1" lstm_license "${lstm_license}")
string(STRIP "${lstm_license}" lstm_license)
string(REPLACE "\n\n" "\n.\n" lstm_license "${lstm_license}")
string(REPLACE "\n" "\n " lstm_license "${lstm_license}")
configure_file(cmake/debian/copyright.in debian/copyright @ONLY)
configure_file(cmake/debian/changelog.in debian/changelog @ONLY)
configure_file(cmake/debian/documents.cmake.in debian/documents.cmake @ONLY)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_BINARY_DIR}/debian/documents.cmake")
set(CPACK_POST_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/debian/without_scripts.cmake")

include(CPack)
