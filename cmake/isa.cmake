# The instruction sets that the kernels are compiled for, and what makes every operation round to its own type.

include(CheckCCompilerFlag)

set(lstm_isa_flags_PORTABLE "")
set(lstm_isa_flags_AVX2 -mavx2 -mfma)
set(lstm_isa_flags_NEON "")
set(lstm_isa_flags_AVX512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma)

# On Windows GCC believes that a stack is aligned for AVX, where it is for SSE only: the assembler takes its moves for ones
# that do not care. Without that the wider instruction sets are left out.
if(MINGW AND CMAKE_C_COMPILER_ID STREQUAL GNU)
  foreach(isa AVX2 AVX512)
    list(APPEND lstm_isa_flags_${isa} -Wa,-muse-unaligned-vector-move)
  endforeach()
endif()

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

# Set `result` to the options by which this target processor computes floats in float and doubles in double, as the promise
# of the same bits takes it (lib/kernels/kernels.h refuses anything else): ISO C lets the x87 of a 32-bit x86 compute with
# more digits, and GCC does so with floats on z/Architecture.
function(lstm_find_evaluation_flags result)
  set(flags "")
  if(CMAKE_SIZEOF_VOID_P EQUAL 4 AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(i.86|x86|x86_64|amd64|AMD64)$")
    set(flags -msse2 -mfpmath=sse)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^s390" AND CMAKE_C_COMPILER_ID STREQUAL GNU)
    set(flags -fexcess-precision=fast)
  endif()
  set(${result} ${flags} PARENT_SCOPE)
endfunction()
