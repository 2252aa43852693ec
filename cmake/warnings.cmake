# The warnings that the project's own code compiles without, with GCC and with Clang: the same ones, so without the sign
# conversions that only Clang counts among the conversions.

function(lstm_target_warnings target)
  if(LSTM_WARNINGS)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion -Wshadow
      -Wstrict-prototypes -Wmissing-prototypes -Wvla)
  endif()
  if(LSTM_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
