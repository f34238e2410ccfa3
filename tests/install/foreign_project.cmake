# Run by ctest; see CMakeLists.txt.
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed with ${result}: ${ARGN}")
  endif()
endfunction()

set(prefix ${WORK_DIR}/prefix)
file(REMOVE_RECURSE ${WORK_DIR})
run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix})

set(flags "")
if(SANITIZE)
  set(flags -fsanitize=${SANITIZE})
endif()
# The generator is that of this build, because the default one, make, may not be installed.
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE_DIR} -B ${WORK_DIR}/build -D CMAKE_PREFIX_PATH=${prefix}
  -D CMAKE_C_COMPILER=${C_COMPILER} -D CMAKE_CXX_COMPILER=${CXX_COMPILER} -D CMAKE_C_FLAGS=${flags}
  -D CMAKE_CXX_FLAGS=${flags})
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build)
run(${WORK_DIR}/build/host ${MODEL} ${WORK_DIR}/build/stranger.so)

# The same host by pkg-config, then both moved elsewhere: nothing may hold on to the prefix.
find_program(pkg_config NAMES pkg-config pkgconf REQUIRED)
file(GLOB pc_file ${prefix}/lib*/pkgconfig/skein.pc ${prefix}/lib*/*/pkgconfig/skein.pc)
get_filename_component(pc_dir ${pc_file} DIRECTORY)
execute_process(COMMAND ${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${pc_dir} ${pkg_config} --cflags --libs skein
  OUTPUT_VARIABLE pc_flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(pc_flags)
run(${C_COMPILER} -std=c99 ${flags} ${SOURCE_DIR}/host.c -o ${WORK_DIR}/host-pc ${pc_flags})
file(RENAME ${prefix} ${WORK_DIR}/moved)
file(GLOB library_dir ${WORK_DIR}/moved/lib*/libskein.so ${WORK_DIR}/moved/lib*/*/libskein.so)
get_filename_component(library_dir ${library_dir} DIRECTORY)
run(${CMAKE_COMMAND} -E env LD_LIBRARY_PATH=${library_dir} ${WORK_DIR}/host-pc ${MODEL} ${WORK_DIR}/build/stranger.so)
run(${WORK_DIR}/moved/bin/skein devices)
