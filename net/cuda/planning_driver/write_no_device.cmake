# Writes OUTPUT: every function of the driver library DRIVER, answering "no device", but for those
# that TAKEN defines itself.
execute_process(COMMAND ${NM} -D --defined-only ${DRIVER} OUTPUT_VARIABLE symbols
                RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${NM} cannot read ${DRIVER}")
endif()
file(READ ${TAKEN} taken)
string(REGEX MATCHALL " cu[A-Za-z0-9_]+" symbols "${symbols}")
list(REMOVE_DUPLICATES symbols)
set(source "// Made by write_no_device.cmake.\n")
foreach(symbol ${symbols})
  string(STRIP "${symbol}" symbol)
  if(NOT taken MATCHES "int ${symbol}\\(")
    string(APPEND source "int ${symbol}(void);\nint ${symbol}(void) { return 100; }\n")
  endif()
endforeach()
file(WRITE ${OUTPUT} "${source}")
