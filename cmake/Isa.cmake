# Kernels are compiled once per instruction set, each into its own namespace, and chosen at run
# time (cpp/src/kernels/dispatch.cc).

set(WENGERT_ISA_SOURCES
    cast.cc
    conv.cc
    map_arithmetic.cc
    map_compare.cc
    map_complex.cc
    map_integer.cc
    map_special.cc
    map_transcendental.cc
    packed_gemm.cc
    pool.cc
    reduce.cc
    small_gemm.cc
    table.cc)

# Rounding is what the source says: no contraction, except in small_gemm.cc, packed_gemm.cc and
# conv.cc, whose results only promise to be the same on one machine. -ffast-math would switch the
# whole process to flushing
# subnormals, so it is never used.
set(WENGERT_ISA_FLAGS -O3 -fno-exceptions -fno-math-errno -fno-trapping-math -ffp-contract=off
                      -fvisibility=hidden)
if(WENGERT_SANITIZE)
  list(TRANSFORM WENGERT_ISA_FLAGS REPLACE "^-O3$" "-O1")
endif()

# One object library: namespace, the name users see, further flags.
function(wengert_isa_library isa name)
  list(TRANSFORM WENGERT_ISA_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/cpp/src/kernels/
       OUTPUT_VARIABLE sources)
  add_library(wengert_kernels_${isa} OBJECT ${sources})
  target_include_directories(wengert_kernels_${isa} PRIVATE ${PROJECT_SOURCE_DIR}/cpp/include
                                                            ${PROJECT_SOURCE_DIR}/cpp/src)
  target_link_libraries(wengert_kernels_${isa} PRIVATE wengert_options)
  target_compile_options(wengert_kernels_${isa} PRIVATE ${WENGERT_ISA_FLAGS} ${ARGN})
  target_compile_definitions(wengert_kernels_${isa} PRIVATE WENGERT_ISA_NS=${isa}
                                                            "WENGERT_ISA_NAME=\"${name}\"")
endfunction()

# Sets WENGERT_KERNEL_TARGETS (the object libraries) and WENGERT_KERNEL_DEFINITIONS (what
# dispatch.cc must know) in the caller's scope.
function(wengert_add_isa_kernels)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    wengert_isa_library(x86_64 "x86-64" -march=x86-64)
    wengert_isa_library(x86_64_v3 "x86-64-v3" -march=x86-64-v3)
    set(isas x86_64 x86_64_v3)
    if(NOT WENGERT_SANITIZE)  # half a minute of compiling that few machines could run
      wengert_isa_library(x86_64_v4 "x86-64-v4" -march=x86-64-v4)
      list(APPEND isas x86_64_v4)
    endif()
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    wengert_isa_library(aarch64 "aarch64")
    set(isas aarch64)
  else()
    message(FATAL_ERROR "wengert has no kernels for ${CMAKE_SYSTEM_PROCESSOR}")
  endif()
  set_source_files_properties(${PROJECT_SOURCE_DIR}/cpp/src/kernels/small_gemm.cc
                              ${PROJECT_SOURCE_DIR}/cpp/src/kernels/packed_gemm.cc
                              ${PROJECT_SOURCE_DIR}/cpp/src/kernels/conv.cc
                              PROPERTIES COMPILE_OPTIONS -ffp-contract=fast)
  # GCC would take clamps apart by what follows from them, which costs vector code half its speed.
  set_source_files_properties(${PROJECT_SOURCE_DIR}/cpp/src/kernels/map_special.cc
                              ${PROJECT_SOURCE_DIR}/cpp/src/kernels/map_transcendental.cc
                              PROPERTIES COMPILE_OPTIONS
                              "$<$<CXX_COMPILER_ID:GNU>:-fno-thread-jumps>")
  foreach(isa IN LISTS isas)
    list(APPEND targets wengert_kernels_${isa})
    string(TOUPPER ${isa} upper)
    list(APPEND definitions WENGERT_HAVE_${upper})
  endforeach()
  set(WENGERT_KERNEL_TARGETS ${targets} PARENT_SCOPE)
  set(WENGERT_KERNEL_DEFINITIONS ${definitions} PARENT_SCOPE)
endfunction()
