# The warnings that the project's own code compiles without, with GCC and with Clang: the same ones, so without the sign
# conversions that only Clang counts among the conversions.

function(lstm_target_warnings target)
  if(LSTM_WARNINGS)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion -Wshadow
      -Wstrict-prototypes -Wmissing-prototypes -Wvla)
  endif()
  if(LSTM_WARNINGS AND MINGW) # isfinite converts in its cases for other types; a printf is thought to be Microsoft's
    target_compile_options(${target} PRIVATE -Wno-float-conversion -Wno-format -Wno-format-extra-args)
  endif()
  if(LSTM_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
