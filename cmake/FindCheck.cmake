# Find Check, the unit test framework, by its pkg-config file: Check::Check.

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_CHECK QUIET IMPORTED_TARGET check)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Check
  REQUIRED_VARS PC_CHECK_LINK_LIBRARIES
  VERSION_VAR PC_CHECK_VERSION
  REASON_FAILURE_MESSAGE "The tests need Check and pkg-config (Debian: apt-get install check pkgconf), or turn them off: \
-DLSTM_BUILD_TESTS=OFF")

if(Check_FOUND AND NOT TARGET Check::Check)
  add_library(Check::Check INTERFACE IMPORTED)
  target_link_libraries(Check::Check INTERFACE PkgConfig::PC_CHECK)
endif()
