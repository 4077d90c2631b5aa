# A function that is compiled in an *_avx512.cc or *_avx2.cc file and may be merged with a copy from elsewhere (an
# inline function, a template of a standard header) could be linked in a version that the machine cannot run.
# So the objects of those files may define no symbol that the linker shares: nm's V, W and u.
execute_process(COMMAND ${NM} -A --defined-only ${LIBRARY} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
if(NOT symbols MATCHES "_baseline\\.cc")
  message(FATAL_ERROR "nm shows no object of the kernels in ${LIBRARY}")
endif()
string(REGEX MATCHALL "[^\n]*_avx(2|512)\\.cc[^\n]* [VvWwu] [^\n]*" shared "${symbols}")
if(shared)
  string(REPLACE ";" "\n" shared "${shared}")
  message(FATAL_ERROR "Symbols that other files could be linked to:\n${shared}")
endif()
