# The instruction sets that the kernels are compiled for.

include(CheckCCompilerFlag)

set(lstm_isa_flags_PORTABLE "")
set(lstm_isa_flags_AVX2 -mavx2 -mfma)
set(lstm_isa_flags_NEON "")
set(lstm_isa_flags_AVX512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma)

# Set `result` to those of this target processor for which the compiler takes the flags.
function(lstm_find_isas result)
  set(isas PORTABLE)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
    foreach(isa AVX2 AVX512)
      string(JOIN " " flags ${lstm_isa_flags_${isa}})
      check_c_compiler_flag("${flags}" LSTM_COMPILER_HAS_${isa})
      if(LSTM_COMPILER_HAS_${isa})
        list(APPEND isas ${isa})
      endif()
    endforeach()
  endif()
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
    list(APPEND isas NEON) # part of every AArch64
  endif()
  set(${result} ${isas} PARENT_SCOPE)
endfunction()
