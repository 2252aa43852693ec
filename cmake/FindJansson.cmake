# Find Jansson, the JSON library: JANSSON_LIBRARY and JANSSON_INCLUDE_DIR.

find_path(JANSSON_INCLUDE_DIR jansson.h)
find_library(JANSSON_LIBRARY jansson)
mark_as_advanced(JANSSON_INCLUDE_DIR JANSSON_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Jansson
  REQUIRED_VARS JANSSON_LIBRARY JANSSON_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "No Jansson: install it (Debian: apt-get install libjansson-dev), or give \
-DJANSSON_LIBRARY=/path/to/lib.so -DJANSSON_INCLUDE_DIR=/path")
