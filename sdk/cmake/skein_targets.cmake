# How the project declares its targets. Every folder with targets lists its own files in its own CMakeLists.txt.
include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 99)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# The build tree has the layout of an installed one, so that libskein finds its plugins the same way in both.
set(SKEIN_PLUGIN_FOLDER skein/plugins-1)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(SKEIN_PLUGIN_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/${SKEIN_PLUGIN_FOLDER})

find_program(SKEIN_CCACHE ccache)
if(SKEIN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths relative to the checkout, so that another clone finds the objects that this one compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${SKEIN_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

# Newer compilers warn of more, also where they are mistaken: nobody's first build should fail by that.
if(SKEIN_WERROR AND NOT ((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13) OR
                         (CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15)))
  message(STATUS "Warnings are no errors: ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} is newer than those of the tests")
  set(SKEIN_WERROR OFF)
endif()

add_library(skein_build_flags INTERFACE)
target_compile_options(skein_build_flags INTERFACE -Wall -Wextra -Wshadow
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
  $<$<BOOL:${SKEIN_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  # It takes the element of a span that a function returns for a part of the span, which goes at the end of the line.
  target_compile_options(skein_build_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-dangling-reference>)
endif()
if(SKEIN_SANITIZE)
  # gcc 12 takes members that the sanitizers look at for uninitialised, in std::regex among others.
  target_compile_options(skein_build_flags INTERFACE -fsanitize=${SKEIN_SANITIZE} -fno-omit-frame-pointer
                                                     -fno-sanitize-recover=all
                                                     $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(skein_build_flags INTERFACE -fsanitize=${SKEIN_SANITIZE})
endif()

# The address sanitizer moves the variables of a function to a frame of its own, so that it sees uses after the return.
# gcc before 13.3 takes them to be as aligned there as they are on the stack: a store that needs 64 bytes crashes
# (https://gcc.gnu.org/PR110027).
set(SKEIN_FRAMES_ARE_NARROW OFF)
if(SKEIN_SANITIZE MATCHES address AND CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13.3)
  set(SKEIN_FRAMES_ARE_NARROW ON)
endif()

# skein_wide_vectors(SOURCE...): sources of the calling folder whose functions have vectors of 64 bytes in memory. Where
# the sanitizer's frames are not aligned for those, the variables of these sources stay on the stack.
function(skein_wide_vectors)
  if(SKEIN_FRAMES_ARE_NARROW)
    set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_OPTIONS --param=asan-use-after-return=0)
  endif()
endfunction()

# The public headers alone, for plugins and hosts to compile against.
add_library(skein_headers INTERFACE)
add_library(skein::headers ALIAS skein_headers)
target_include_directories(skein_headers INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/sdk/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# skein_count_lines(TARGET): with SKEIN_COVERAGE, the lines of the target count how often they run. Not optimised, so that
# each line has its own count; atomic, since several threads run them.
option(SKEIN_COVERAGE "Count the lines of sdk/src that run; see ./dev coverage" OFF)
function(skein_count_lines target)
  if(SKEIN_COVERAGE)
    target_compile_options(${target} PRIVATE --coverage -fprofile-update=atomic -O0)
    target_link_options(${target} PUBLIC --coverage)
  endif()
endfunction()

# skein_library(NAME SOURCES ... [PUBLIC ...] [PRIVATE ...]): one folder of sdk/src, linked into libskein and its tests.
function(skein_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/sdk/src)
  target_link_libraries(${name} PUBLIC skein_headers ${ARG_PUBLIC} PRIVATE skein_build_flags ${ARG_PRIVATE})
  skein_count_lines(${name})
endfunction()

# skein_plugin(KIND-ID SOURCES ... [PRIVATE ...]): a plugin, KIND-ID.so in the plugin folder. It exports
# skein_plugin_entry alone.
function(skein_plugin name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PRIVATE" ${ARGN})
  add_library(${name} MODULE ${ARG_SOURCES})
  target_compile_definitions(${name} PRIVATE SKEIN_BUILDING_PLUGIN=1 SKEIN_PLUGIN_VERSION="${PROJECT_VERSION}")
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/plugins ${PROJECT_SOURCE_DIR}/backends)
  target_link_libraries(${name} PRIVATE skein_headers skein_build_flags ${ARG_PRIVATE})
  target_link_options(${name} PRIVATE -Wl,--no-undefined -Wl,--exclude-libs,ALL
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/sdk/cmake/plugin.map)
  if(SKEIN_SANITIZE)
    set_property(TARGET ${name} APPEND PROPERTY LINK_OPTIONS -Wl,-z,undefs)
  endif()
  set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${SKEIN_PLUGIN_OUTPUT_DIRECTORY}
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/sdk/cmake/plugin.map)
  install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/${SKEIN_PLUGIN_FOLDER} COMPONENT plugins)
  set_property(GLOBAL APPEND PROPERTY SKEIN_PLUGIN_TARGETS ${name})
endfunction()

# Where test programs find the files and plugins that they need: in the checkout and its build, or, for programs that
# are moved to another machine, below the folder in which they are run.
set(SKEIN_TESTS_RUN_IN "" CACHE STRING "The folder of tests/ and lib/ for the test programs; the checkout's if empty")
if(SKEIN_TESTS_RUN_IN)
  set(SKEIN_TESTS_DIR ${SKEIN_TESTS_RUN_IN}/tests)
  set(SKEIN_TESTS_PLUGIN_DIR ${SKEIN_TESTS_RUN_IN}/lib/${SKEIN_PLUGIN_FOLDER})
else()
  set(SKEIN_TESTS_DIR ${PROJECT_SOURCE_DIR}/tests)
  set(SKEIN_TESTS_PLUGIN_DIR ${SKEIN_PLUGIN_OUTPUT_DIRECTORY})
endif()

# skein_test(NAME SOURCES ... [LIBS ...] [LABELS ...]): a GoogleTest program, one ctest entry per test case. Tests that need the
# shared models find them through the environment variable SKEIN_TEST_DATA at run time.
function(skein_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS;LABELS" ${ARGN})
  find_package(GTest REQUIRED)
  include(GoogleTest)
  add_executable(${name} ${ARG_SOURCES})
  target_compile_definitions(${name} PRIVATE
    SKEIN_TESTS_DIR="${SKEIN_TESTS_DIR}" SKEIN_PLUGIN_DIR="${SKEIN_TESTS_PLUGIN_DIR}")
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/sdk/src
    ${PROJECT_SOURCE_DIR}/backends ${PROJECT_SOURCE_DIR}/plugins ${PROJECT_SOURCE_DIR}/bindings/cpp/include)
  target_link_libraries(${name} PRIVATE skein_headers skein_build_flags ${ARG_LIBS} GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  skein_count_lines(${name})
  get_property(plugins GLOBAL PROPERTY SKEIN_PLUGIN_TARGETS)
  if(plugins)
    add_dependencies(${name} ${plugins})
  endif()
  gtest_discover_tests(${name} PROPERTIES LABELS "${ARG_LABELS}" DISCOVERY_TIMEOUT 60)
endfunction()

# skein_benchmark(NAME SOURCES ... [LIBS ...]): a Google Benchmark program; built with SKEIN_BUILD_BENCHMARKS.
function(skein_benchmark name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  find_package(benchmark REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/sdk/src ${PROJECT_SOURCE_DIR}/backends
    ${PROJECT_SOURCE_DIR}/plugins)
  target_link_libraries(${name} PRIVATE skein_headers skein_build_flags ${ARG_LIBS} benchmark::benchmark_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
endfunction()

# skein-plugins: every plugin of the tree, for those who run the tool without building everything.
function(skein_plugins_target)
  get_property(plugins GLOBAL PROPERTY SKEIN_PLUGIN_TARGETS)
  add_custom_target(skein-plugins DEPENDS ${plugins})
endfunction()
