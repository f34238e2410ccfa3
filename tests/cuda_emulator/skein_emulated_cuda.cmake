# skein_emulated_cuda_library(NAME SOURCES ... [INSTRUMENTED] [LIBS ...]): a static library of .cu and .cc sources for
# the emulator. INSTRUMENTED: kernels report their accesses, and the detector looks at them; slower. A program links sources
# of one kind alone: the linker takes an inline function from any of them.
set(SKEIN_CUDA_EMULATOR_DIR ${CMAKE_CURRENT_LIST_DIR})

function(skein_emulated_cuda_library name)
  cmake_parse_arguments(ARG "INSTRUMENTED" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  # Before every other folder: the names of its headers are those of CUDA's.
  target_include_directories(${name} BEFORE PUBLIC ${SKEIN_CUDA_EMULATOR_DIR}/include)
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/backends)
  target_link_libraries(${name} PUBLIC skein_cuda_emulator ${ARG_LIBS})
  target_compile_options(${name} PRIVATE -Wno-unknown-pragmas)
  # clang-tidy looks at the sources as they are built for GPUs.
  set_target_properties(${name} PROPERTIES EXPORT_COMPILE_COMMANDS OFF)
  set(kernels ${ARG_SOURCES})
  list(FILTER kernels INCLUDE REGEX "[.]cu$")
  set_source_files_properties(${kernels} PROPERTIES LANGUAGE CXX)
  if(ARG_INSTRUMENTED)
    # Without skein_build_flags: other sanitizers do not go with these reports. Accesses stay those of the source: a float4
    # is read at once, and no loop becomes a memcpy, which reports nothing.
    target_compile_options(${name} PRIVATE -Wall -Wextra -Wshadow $<$<BOOL:${SKEIN_WERROR}>:-Werror>
      -fsanitize=thread -O1
      $<$<CXX_COMPILER_ID:GNU>:-fno-tree-loop-distribute-patterns> $<$<CXX_COMPILER_ID:GNU>:-fno-tree-sra>)
  else()
    target_link_libraries(${name} PRIVATE skein_build_flags)
  endif()
endfunction()
