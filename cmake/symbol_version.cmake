# The version that each exported symbol carries, LSTM_0.1: a program is not loaded with a library of another 0.x, which has
# the same soname. Where there are ELF and a linker that knows versions.

include(CheckLinkerFlag)

function(lstm_set_symbol_version target)
  if(NOT UNIX OR APPLE)
    return()
  endif()
  set(map "${CMAKE_CURRENT_BINARY_DIR}/lstm.map")
  configure_file("${CMAKE_CURRENT_SOURCE_DIR}/cmake/lstm.map.in" "${map}" @ONLY)
  check_linker_flag(C "-Wl,--version-script=${map}" LSTM_LINKER_HAS_VERSIONS)
  if(LSTM_LINKER_HAS_VERSIONS)
    target_link_options(${target} PRIVATE "-Wl,--version-script=${map}")
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${map}")
  endif()
endfunction()
