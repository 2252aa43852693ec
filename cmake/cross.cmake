# A toolchain file: cross-compiles with one of Debian's GCCs, named by what its programs' names begin with.
# Usage: cmake -DCMAKE_TOOLCHAIN_FILE=cmake/cross.cmake -DLSTM_TRIPLET=s390x-linux-gnu [-DCMAKE_PREFIX_PATH=...] ...
#
# Libraries and headers are looked for in CMAKE_PREFIX_PATH and where that GCC looks, never among this machine's own.

set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LSTM_TRIPLET)
string(REGEX REPLACE "-.*$" "" CMAKE_SYSTEM_PROCESSOR "${LSTM_TRIPLET}")
if(LSTM_TRIPLET MATCHES "mingw")
  set(CMAKE_SYSTEM_NAME Windows)
  set(CMAKE_RC_COMPILER "${LSTM_TRIPLET}-windres")
else()
  set(CMAKE_SYSTEM_NAME Linux)
endif()
set(CMAKE_C_COMPILER "${LSTM_TRIPLET}-gcc")
set(CMAKE_FIND_ROOT_PATH "/usr/${LSTM_TRIPLET}" ${CMAKE_PREFIX_PATH})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
