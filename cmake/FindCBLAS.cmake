# Find a CBLAS: the C interface of the BLAS.
#
# Reads:
#   LSTM_BLAS      auto (OpenBLAS, then Netlib, then any), openblas, or netlib
#   CBLAS_LIBRARY  with CBLAS_HEADER, two full paths: taken as they are, nothing is searched
# Sets:
#   CBLAS_FOUND, CBLAS_VENDOR (openblas, netlib, any or given), CBLAS_LIBRARIES (a full path), CBLAS_INCLUDE_DIR,
#   CBLAS_HEADER_NAME (below that folder), and the target CBLAS::CBLAS
#
# Debian installs several BLAS side by side, and its alternatives choose what the plain libblas.so, libblas.so.3 and
# cblas.h mean. Netlib's own are blas/libblas.so and cblas-netlib.h, so for Netlib those come first, and what turns out
# to be OpenBLAS under another name is not taken. Such a folder needs an rpath, which CMake adds to what it links.

include(CheckCSourceCompiles)
include(FindPackageHandleStandardArgs)

# Look for one vendor's library and header; CBLAS_VENDOR is set if they are there and work.
macro(cblas_find vendor)
  cmake_parse_arguments(CBLAS_WANTED "" "OTHER_THAN" "LIBRARIES;HEADERS;FOLDERS" ${ARGN})
  find_library(CBLAS_${vendor}_LIBRARY NAMES ${CBLAS_WANTED_LIBRARIES} PATH_SUFFIXES ${CBLAS_WANTED_FOLDERS})
  find_file(CBLAS_${vendor}_HEADER NAMES ${CBLAS_WANTED_HEADERS} PATH_SUFFIXES ${CBLAS_WANTED_FOLDERS})
  mark_as_advanced(CBLAS_${vendor}_LIBRARY CBLAS_${vendor}_HEADER)
  if(CBLAS_${vendor}_LIBRARY AND CBLAS_${vendor}_HEADER)
    file(REAL_PATH "${CBLAS_${vendor}_LIBRARY}" CBLAS_REAL_PATH)
    cblas_try("${CBLAS_${vendor}_LIBRARY}" "${CBLAS_${vendor}_HEADER}")
    if(CBLAS_WORKS AND NOT (CBLAS_WANTED_OTHER_THAN AND CBLAS_REAL_PATH MATCHES "${CBLAS_WANTED_OTHER_THAN}"))
      cblas_take(${vendor} "${CBLAS_${vendor}_LIBRARY}" "${CBLAS_${vendor}_HEADER}")
    else() # search again next time: the right one may have been installed beside it
      unset(CBLAS_${vendor}_LIBRARY CACHE)
      unset(CBLAS_${vendor}_HEADER CACHE)
    endif()
  endif()
endmacro()

# Set CBLAS_WORKS if a program links that calls the library by the header.
function(cblas_try library header)
  cmake_path(GET header PARENT_PATH CMAKE_REQUIRED_INCLUDES)
  cmake_path(GET header FILENAME name)
  set(CMAKE_REQUIRED_LIBRARIES "${library}")
  set(CMAKE_REQUIRED_QUIET ON)
  unset(CBLAS_TRIED CACHE)
  check_c_source_compiles("#include <${name}>
    int main(void)
    {
        float x = 1;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, 1, 1, 1, 1, &x, 1, &x, 1, 0, &x, 1);
        return 0;
    }" CBLAS_TRIED)
  set(CBLAS_WORKS "${CBLAS_TRIED}" PARENT_SCOPE)
  unset(CBLAS_TRIED CACHE)
endfunction()

macro(cblas_take vendor library header)
  set(CBLAS_VENDOR ${vendor})
  set(CBLAS_LIBRARIES "${library}")
  cmake_path(SET CBLAS_HEADER_PATH "${header}")
  cmake_path(GET CBLAS_HEADER_PATH PARENT_PATH CBLAS_INCLUDE_DIR)
  cmake_path(GET CBLAS_HEADER_PATH FILENAME CBLAS_HEADER_NAME)
endmacro()

if(NOT LSTM_BLAS)
  set(LSTM_BLAS auto)
elseif(NOT LSTM_BLAS MATCHES "^(auto|openblas|netlib)$")
  message(FATAL_ERROR "LSTM_BLAS is auto, openblas or netlib, not ${LSTM_BLAS}")
endif()

set(CBLAS_VENDOR "")
if(CBLAS_LIBRARY AND CBLAS_HEADER)
  cblas_take(given "${CBLAS_LIBRARY}" "${CBLAS_HEADER}")
endif()
if(NOT CBLAS_VENDOR AND LSTM_BLAS MATCHES "auto|openblas")
  # The plain library, which Debian's alternatives point at one of the three, before one that needs an rpath.
  find_library(CBLAS_openblas_LIBRARY NAMES openblas
    HINTS /opt/homebrew/opt/openblas /usr/local/opt/openblas PATH_SUFFIXES lib)
  cblas_find(openblas LIBRARIES openblas HEADERS cblas.h cblas-openblas.h
    FOLDERS openblas-pthread openblas-openmp openblas-serial openblas opt/openblas/lib opt/openblas/include)
endif()
if(NOT CBLAS_VENDOR AND LSTM_BLAS MATCHES "auto|netlib")
  cblas_find(netlib LIBRARIES blas cblas HEADERS cblas-netlib.h cblas.h FOLDERS blas cblas
    OTHER_THAN "openblas|blis|atlas|mkl")
endif()
if(NOT CBLAS_VENDOR AND LSTM_BLAS STREQUAL auto)
  cblas_find(any LIBRARIES flexiblas blis cblas blas HEADERS cblas.h FOLDERS flexiblas blis)
endif()

if(LSTM_BLAS STREQUAL netlib)
  set(CBLAS_PACKAGE libblas-dev)
else()
  set(CBLAS_PACKAGE libopenblas-dev)
endif()
find_package_handle_standard_args(CBLAS
  REQUIRED_VARS CBLAS_LIBRARIES
  REASON_FAILURE_MESSAGE "No CBLAS for LSTM_BLAS=${LSTM_BLAS}: install one (Debian: apt-get install ${CBLAS_PACKAGE}), \
or give -DCBLAS_LIBRARY=/path/to/lib.so -DCBLAS_HEADER=/path/to/cblas.h")

if(CBLAS_FOUND AND NOT TARGET CBLAS::CBLAS)
  add_library(CBLAS::CBLAS INTERFACE IMPORTED)
  set_target_properties(CBLAS::CBLAS PROPERTIES
    INTERFACE_LINK_LIBRARIES "${CBLAS_LIBRARIES}"
    INTERFACE_INCLUDE_DIRECTORIES "${CBLAS_INCLUDE_DIR}")
endif()
