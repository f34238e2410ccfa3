# Checks the border of libskein: it exports the functions listed in symbols.txt and its version node, and nothing else;
# the list holds the declarations of the public headers; and abi_c_test calls each of them.
# cmake -DNM=nm -DLIBRARY=libskein.so.1 -DSYMBOLS=symbols.txt -DHEADERS=sdk/include/skein -DCALLERS=tests/abi
#   -P exports_test.cmake

cmake_minimum_required(VERSION 3.25)

file(STRINGS ${SYMBOLS} expected)
list(SORT expected)

# Prints both differences and fails, if the sorted lists `found` and `expected` differ.
function(expect_same what)
  foreach(name IN LISTS found)
    if(NOT name IN_LIST expected)
      message(SEND_ERROR "${what}: ${name} is not in symbols.txt")
    endif()
  endforeach()
  foreach(name IN LISTS expected)
    if(NOT name IN_LIST found)
      message(SEND_ERROR "${what}: ${name} is in symbols.txt, but not there")
    endif()
  endforeach()
endfunction()

execute_process(COMMAND ${NM} -D --defined-only ${LIBRARY} OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" lines "${output}")
set(found)
foreach(line IN LISTS lines)
  if(line MATCHES " A SKEIN_[0-9]+(@@SKEIN_[0-9]+)?$")
    continue()  # the version node
  endif()
  if(NOT line MATCHES " T ([A-Za-z0-9_]+)@@SKEIN_[0-9]+$")
    message(SEND_ERROR "${LIBRARY}: expected a function with a version, found \"${line}\"")
    continue()
  endif()
  list(APPEND found ${CMAKE_MATCH_1})
endforeach()
expect_same(${LIBRARY})

# Declarations of the host's headers: plugin.h declares what plugins export, not libskein.
set(found)
file(GLOB headers ${HEADERS}/*.h)
foreach(header IN LISTS headers)
  get_filename_component(name ${header} NAME)
  if(name STREQUAL plugin.h)
    continue()
  endif()
  file(READ ${header} text)
  string(REGEX MATCHALL "\nSKEIN_API [^(;]*" declarations "${text}")
  foreach(declaration IN LISTS declarations)
    string(REGEX MATCH "[a-z0-9_]+$" function "${declaration}")
    list(APPEND found ${function})
  endforeach()
endforeach()
expect_same(${HEADERS})

file(GLOB callers ${CALLERS}/*.c)
set(text "")
foreach(caller IN LISTS callers)
  file(READ ${caller} part)
  string(APPEND text "${part}")
endforeach()
foreach(name IN LISTS expected)
  if(NOT text MATCHES "[^a-z0-9_]${name}\\(")
    message(SEND_ERROR "${CALLERS}: ${name} is not called")
  endif()
endforeach()
