# Plays a scenario with the player in C++ and with another one, and compares what they print. Run by ctest:
# cmake -D REFERENCE=... -D MODEL=... -D SCENARIO=... -D WORK_DIR=... -P compare_transcripts.cmake -- PLAYER...
math(EXPR last "${CMAKE_ARGC} - 1")
set(player "")
set(behind FALSE)
foreach(i RANGE ${last})
  if(behind)
    list(APPEND player "${CMAKE_ARGV${i}}")
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(behind TRUE)
  endif()
endforeach()

# Plays into FOLDER, which has no files of another time, and is called as long in both cases: messages show paths.
function(play folder)
  file(REMOVE_RECURSE ${WORK_DIR}/${folder})
  file(MAKE_DIRECTORY ${WORK_DIR}/${folder})
  execute_process(COMMAND ${ARGN} ${MODEL} ${SCENARIO} ${WORK_DIR}/${folder}
    OUTPUT_FILE ${WORK_DIR}/${folder}.transcript ERROR_VARIABLE errors RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    execute_process(COMMAND tail -n 3 ${WORK_DIR}/${folder}.transcript OUTPUT_VARIABLE end)
    message(FATAL_ERROR "${ARGN} ${SCENARIO} ended with ${result}; its last lines:\n${end}${errors}")
  endif()
endfunction()

play(cpp ${REFERENCE})
if(player)
  play(own ${player})
  execute_process(COMMAND diff -u ${WORK_DIR}/cpp.transcript ${WORK_DIR}/own.transcript
    OUTPUT_VARIABLE difference RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "the transcripts differ:\n${difference}")
  endif()
endif()
